"""The rules of the end of a company."""

from datetime import datetime

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.deletion.errors import NotRestorable
from jazzaam.control.deletion.events import CompanyDeleted
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.errors import TenantBusy
from jazzaam.tenancy.models import TenantId


async def delete_company(plane: ControlPlane, member: Member) -> datetime:
    """Close the company now, and have it erased after the grace period; gives when. Raises `Forbidden`.

    Whoever works there is refused within a second; its jobs wait; its owners are mailed.
    """
    member.require(Permission.company_delete)
    services, tenant_id = plane.services, TenantId(member.tenant_id)
    erase_after = plane.clock.now() + services.grace

    async def work() -> datetime:
        await services.erasure.suspend(tenant_id, erase_after=erase_after, by_tenant=True, within=plane.db)
        values = {"eraseAfter": erase_after}
        plane.audit(Action.delete, Resource.company, tenant_id, by=member, values=values)
        plane.publish(CompanyDeleted(member.company_id, erase_after))
        return erase_after

    try:
        return await plane.change(work)
    finally:
        services.tenancy.catalog.forget(tenant_id)


async def restore_company(plane: ControlPlane, member: Member) -> None:
    """Open a company again that its owner deleted; raises `Forbidden`, `NotRestorable`."""
    member.require(Permission.company_delete)
    services, tenant_id = plane.services, TenantId(member.tenant_id)

    async def work() -> None:
        try:
            await services.erasure.resume(tenant_id, by_tenant=True, within=plane.db)
        except TenantBusy:
            raise NotRestorable from None
        plane.audit(Action.restore, Resource.company, tenant_id, by=member)

    try:
        await plane.change(work)
    finally:
        services.tenancy.catalog.forget(tenant_id)
