"""What can go wrong with support access."""

from jazzaam.errors import NotFound


class SupportGrantNotFound(NotFound):
    """There is no such grant, or it is over."""


class NotGranted(NotFound):
    """This company lets nobody look now, or there is none of this id."""
