"""The rules of usage: what is there is counted, what is done in a day or month was reserved."""

from collections.abc import Mapping
from typing import Final

from jazzaam.control.billing.plans import LIMITS
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.forms.models import FORMS, SUBMISSIONS, SubmissionState
from jazzaam.crm.leads.models import LEADS
from jazzaam.crm.usage.schemas import LimitUsage
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs import outbox
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.limits import Counter, LimitKind, LimitSpec, allowed_to, count_all


async def _leads(db: TenantDatabase) -> int:
    return await db[LEADS].size()


async def _forms(db: TenantDatabase) -> int:
    return await db[FORMS].size()


async def _waiting_submissions(db: TenantDatabase) -> int:
    return await db[SUBMISSIONS].count({"state": SubmissionState.quarantine})


async def _stored_bytes(db: TenantDatabase) -> int:
    return await db.stored_bytes()


COUNTERS: Final[Mapping[str, Counter]] = {
    "leads": _leads,
    "forms": _forms,
    "waitingSubmissions": _waiting_submissions,
    "storedBytes": _stored_bytes,
    "queuedJobs": outbox.waiting,
}
"""How what a company has is counted, by the limit's name."""


async def usage(workspace: Workspace) -> list[LimitUsage]:
    """Say what the plan allows and what is used; raises `Forbidden`."""
    workspace.member.require(Permission.company_read)
    tenant = workspace.db.tenant
    reserved = await workspace.services.limits.used(tenant.id)
    seats = await workspace.services.seats_in_use(tenant.id)
    counted = {**await count_all(COUNTERS, workspace.db), "members": seats}
    return [
        LimitUsage(
            name=spec.name,
            unit=spec.what,
            per=_PER[spec.kind],
            allowed=allowed_to(tenant, spec),
            used=counted.get(spec.name, _reserved(spec, reserved)),
        )
        for spec in LIMITS.values()
    ]


def _reserved(spec: LimitSpec, reserved: Mapping[str, int]) -> int | None:
    """Give what was reserved in the present day or month."""
    if spec.kind not in (LimitKind.a_day, LimitKind.a_month):
        return None
    windows = sorted(name for name in reserved if name.startswith(f"{spec.name}@"))
    return reserved[windows[-1]] if windows else 0


_PER: Final = {
    LimitKind.stock: "total",
    LimitKind.held: "atOnce",
    LimitKind.rate: "second",
    LimitKind.a_day: "day",
    LimitKind.a_month: "month",
}
