"""Bodies of the second factor's routes."""

from typing import Annotated

from pydantic import Field, StringConstraints

from jazzaam.control.accounts.schemas import PresentedPassword
from jazzaam.web.input import Input, Output


class SecondFactorBegin(Input):
    """The account's present password; an account that has none leaves it out."""

    password: PresentedPassword | None = None


class SecondFactorBegun(Output):
    """For an authenticator, shown once: the secret in base 32, and its address as a QR code holds it."""

    secret: str
    otpauth_uri: str


class SecondFactorCode(Input):
    """A code of the authenticator, or a recovery code."""

    code: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9A-Za-z-]{6,24}$"),
        Field(description="Six digits of the authenticator, or one of the recovery codes."),
    ]


class RecoveryCodes(Output):
    """Ten codes for when the authenticator is lost, each good once; shown once."""

    recovery_codes: list[str]
