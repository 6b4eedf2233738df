"""Bodies and answers of signing in with a provider."""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from jazzaam.web.input import Input, Output, SecondFactorCode


class SecondFactorEntry(Input):
    """The code of a second factor, after a provider vouched for somebody."""

    sign_in_token: Annotated[str, StringConstraints(max_length=4096)]
    code: SecondFactorCode


class IdentityOut(Output):
    """A provider one can sign in with, and the address it vouched for."""

    id: str
    provider: str
    email: str | None = None
    created_at: datetime


class IdentityList(Output):
    """All of an account's, the oldest first."""

    items: list[IdentityOut]
