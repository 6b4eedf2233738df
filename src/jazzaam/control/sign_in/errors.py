"""What can go wrong with a session."""

from jazzaam.errors import NotFound


class SessionNotFound(NotFound):
    """There is no such session of yours."""


class CompanyNotFound(NotFound):
    """You work in no company of this id."""
