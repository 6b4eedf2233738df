"""What can go wrong with a membership."""

from jazzaam.errors import Conflict, NotFound, Unauthenticated


class MemberNotFound(NotFound):
    """Nobody of this id works in your company."""


class LastOwner(Conflict):
    """A company needs an owner: make another one first."""


class MemberExists(Conflict):
    """This person works in your company already."""


class AccountGone(Unauthenticated):
    """This account is not there any more."""
