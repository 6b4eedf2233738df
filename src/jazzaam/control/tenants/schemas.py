"""What who runs the platform asks of the fleet, and is answered."""

from datetime import datetime
from enum import StrEnum

from jazzaam.web.input import Output, PageQuery


class CompanyStatus(StrEnum):
    """Where a company is in its life."""

    active = "active"
    suspended = "suspended"
    erasing = "erasing"


class TenantQuery(PageQuery):
    """Which companies."""

    status: CompanyStatus | None = None


class TenantOut(Output):
    """A company as the shared database knows it: nothing of its own is read."""

    id: str
    company_name: str
    status: CompanyStatus
    tier: str
    cluster: str
    subscription_plan: str
    created_at: datetime
    erase_after: datetime | None


class TenantPage(Output):
    """Companies, the newest first; `next` continues."""

    items: list[TenantOut]
    next: str | None
