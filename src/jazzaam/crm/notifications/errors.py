"""What can go wrong with a notification."""

from jazzaam.errors import NotFound


class NotificationNotFound(NotFound):
    """There is no such notification."""
