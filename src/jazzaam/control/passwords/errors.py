"""What can go wrong with a password."""

from jazzaam.errors import InvalidInput


class WrongPassword(InvalidInput):
    """This is not your present password."""


class ResetRefused(InvalidInput):
    """This link is used up or no longer valid: ask for a new one."""
