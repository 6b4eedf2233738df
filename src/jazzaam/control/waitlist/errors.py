"""What can go wrong with the waiting list."""

from jazzaam.errors import Conflict, NotFound


class WaitlistEntryNotFound(NotFound):
    """Nobody waits under this id."""


class WaitsAlready(Conflict):
    """This address waits already; nobody is told."""
