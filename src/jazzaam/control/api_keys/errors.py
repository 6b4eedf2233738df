"""What can go wrong with an API key."""

from jazzaam.errors import Conflict, NotFound, Unauthenticated


class ApiKeyRefused(Unauthenticated):
    """This API key is not valid: it is unknown, over or revoked, or who made it may not act here now."""


class ApiKeyNotFound(NotFound):
    """There is no such API key."""


class TooManyApiKeys(Conflict):
    """A company has at most 100 API keys: delete one first."""
