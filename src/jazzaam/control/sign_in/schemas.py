"""Bodies of the sign-in routes."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from jazzaam.control.accounts.schemas import Address, PresentedPassword
from jazzaam.identifiers import OBJECT_ID_PATTERN
from jazzaam.web.input import Input, Output, SecondFactorCode


class Login(Input):
    """Sign in."""

    email: Address
    password: PresentedPassword
    code: SecondFactorCode | None = None


class Confirm(Input):
    """The account's password, or a code of its second factor."""

    password: PresentedPassword | None = None
    code: SecondFactorCode | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.password is None) == (self.code is None):
            raise ValueError("needs a password or a code")
        return self


class Refresh(Input):
    """Exchange a refresh token."""

    refresh_token: Annotated[str, StringConstraints(max_length=1024)]


class SwitchCompany(Input):
    """Which company to work in."""

    company_id: Annotated[str, StringConstraints(pattern=OBJECT_ID_PATTERN)]


class SessionOut(Output):
    """Where one is signed in."""

    id: str
    current: bool
    company_id: str | None
    company_name: str | None
    address: str | None
    agent: str | None
    created_at: datetime
    refreshed_at: datetime


class SessionList(Output):
    """All of them, the newest first."""

    items: list[SessionOut]
