"""What can go wrong with a membership."""

from jazzaam.errors import Conflict, NotFound


class MemberNotFound(NotFound):
    """Nobody of this id works in your company."""


class LastOwner(Conflict):
    """A company needs an owner: make another one first."""


class MemberExists(Conflict):
    """This person works in your company already."""
