"""Bodies of the second factor's routes."""

from jazzaam.control.accounts.schemas import PresentedPassword
from jazzaam.web.input import Input, Output, SecondFactorCode


class SecondFactorBegin(Input):
    """The account's present password; an account that has none leaves it out."""

    password: PresentedPassword | None = None


class SecondFactorBegun(Output):
    """For an authenticator, shown once: the secret in base 32, and its address as a QR code holds it."""

    secret: str
    otpauth_uri: str


class SecondFactorEntered(Input):
    """A code of the authenticator, or a recovery code."""

    code: SecondFactorCode


class RecoveryCodes(Output):
    """Ten codes for when the authenticator is lost, each good once; shown once."""

    recovery_codes: list[str]
