"""What can go wrong when somebody signs in with a provider."""

from jazzaam.errors import Conflict, Forbidden, NotFound


class ProviderUnknown(NotFound):
    """Nobody signs in with this provider here."""


class AddressNotVouched(Forbidden):
    """The provider has not verified your e-mail address: verify it there, or register with a password."""


class IdentityNotFound(NotFound):
    """There is no such identity of yours."""


class LastWayIn(Conflict):
    """You could not sign in any more: set a password first."""
