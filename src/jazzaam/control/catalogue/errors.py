"""What can go wrong with the service catalogue."""

from jazzaam.errors import NotFound


class ServiceNotFound(NotFound):
    """The catalogue has no service of this id."""
