"""What can go wrong with a second factor."""

from jazzaam.errors import Conflict, InvalidInput


class SecondFactorExists(Conflict):
    """This account has a second factor: remove it first."""


class NoSecondFactor(Conflict):
    """This account has no second factor: begin with POST /auth/totp."""


class WrongSecondFactor(InvalidInput):
    """The code is wrong, or was used before; wait for the next one."""
