"""Bodies and answers of the waiting list."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from jazzaam.control.accounts.schemas import Address
from jazzaam.control.waitlist.models import WaitlistSource, WaitlistStatus
from jazzaam.web.input import Input, Line, Output, PageQuery

MetadataName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,50}$")]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]


class WaitlistJoin(Input):
    """Who wants to wait."""

    email: Address
    name: Line | None = None
    source: WaitlistSource = WaitlistSource.website
    metadata: Annotated[dict[MetadataName, MetadataValue], Field(max_length=20, default_factory=dict)]


class WaitlistQuery(PageQuery):
    """Whom to list."""

    status: WaitlistStatus | None = None


class WaitlistChange(Input):
    """How far somebody is."""

    status: WaitlistStatus


class WaitlistEntry(Output):
    """Somebody who waits."""

    id: str
    email: str
    name: str | None = None
    source: str
    status: str
    metadata: dict[str, str] = Field(default_factory=dict[str, str])
    created_at: datetime
    updated_at: datetime


class WaitlistPage(Output):
    """Who waits, the newest first; `next` continues."""

    items: list[WaitlistEntry]
    next: str | None


class WaitlistStats(Output):
    """How many wait, and how far they are."""

    total: int
    pending: int
    confirmed: int
    converted: int
