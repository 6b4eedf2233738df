"""What the audit log does later: it is written, and its heads are told."""

from datetime import UTC, timedelta

from bson import ObjectId

from jazzaam.control.audit import repository
from jazzaam.control.audit.events import AuditedInControl
from jazzaam.control.audit.heads import Head
from jazzaam.control.audit.models import APPEND_CONTROL
from jazzaam.control.memberships.repository import companies_of
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import Fired, job
from jazzaam.jobs.retry import RetryPolicy
from jazzaam.jobs.run import Run
from jazzaam.jobs.schedule import Beat, Cron
from jazzaam.tenancy.models import TenantId, TenantStatus

KEPT_TRYING = RetryPolicy(attempts=30, first=timedelta(seconds=1), longest=timedelta(minutes=10))
"""What is not written yet is known, and looked for by `jazzaam audit verify`."""
_OVERLAP = timedelta(minutes=1)


@job(APPEND_CONTROL, atomic=False, retry=KEPT_TRYING)
async def append_control(plane: ControlPlane, event: AuditedInControl, run: Run) -> None:
    """Append what was done in the shared database to the chain of each company it is about."""
    for company_id in await _about(plane, event):
        await plane.services.trail.append(company_id, run.id, event, plane.clock.now())


async def _about(plane: ControlPlane, event: AuditedInControl) -> list[ObjectId | None]:
    if event.company_id is not None:
        return [event.company_id] if await _is_kept(plane, event.company_id) else []
    if event.account_id is None:
        return [None]
    return list(await companies_of(plane.db, event.account_id)) or [None]


async def _is_kept(plane: ControlPlane, company_id: ObjectId) -> bool:
    """Tell whether a company is not gone, or about to be: then its log goes with it."""
    tenant = await plane.services.tenancy.catalog.find(TenantId(str(company_id)))
    return tenant is not None and tenant.status is not TenantStatus.erasing


@job("audit.tell_heads", atomic=False, keep=timedelta(hours=1), cron=Cron("0 * * * * *", Beat.control))
async def tell_heads(plane: ControlPlane, _fired: Fired) -> int:
    """Tell the heads of the chains that have grown, outside MongoDB; gives how many there were."""
    now = plane.clock.now()
    since = await repository.told_until(plane.db) or now - timedelta(days=3650)
    grown = await repository.heads_since(plane.db, since - _OVERLAP)
    at = now.astimezone(UTC).isoformat()
    await plane.services.audit_heads.tell(
        Head(at, str(row["companyId"] or ""), row["seq"], row["code"].hex()) for row in grown
    )
    await repository.note_told(plane.db, now)
    return len(grown)
