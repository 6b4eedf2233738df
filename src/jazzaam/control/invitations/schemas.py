"""Bodies and answers of the invitation routes."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from jazzaam.control.accounts.schemas import Address, NewPassword, Text100
from jazzaam.web.input import Input, Output


class Invite(Input):
    """Whom to invite, and as what; an owner is made by another owner."""

    email: Address
    role: Literal["admin", "member", "viewer"]


class AcceptInvitation(Input):
    """Accept: signed in, or with a password for the account that is made now."""

    token: Annotated[str, StringConstraints(max_length=1024)]
    password: NewPassword | None = None
    full_name: Text100 = ""


class InvitationOut(Output):
    """An invitation that waits."""

    id: str
    email: str
    role: str
    created_at: datetime
    expires_at: datetime


class InvitationList(Output):
    """All that wait, the newest first."""

    items: list[InvitationOut]
