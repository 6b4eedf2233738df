"""The rules of the end of a company."""

from datetime import datetime

from jazzaam.control.accounts.models import Principal
from jazzaam.control.accounts.opening import proved_by_session
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.deletion.errors import NotRestorable
from jazzaam.control.deletion.events import CompanyDeleted
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.errors import TenantBusy, TenantSuspended
from jazzaam.tenancy.models import TenantId


async def delete_company(plane: ControlPlane, principal: Principal, member: Member) -> datetime:
    """Close the company now, and have it erased after the grace period; gives when.

    Whoever works there is refused within a second; its jobs wait; its owners are mailed. Raises
    `Forbidden`, `TokenRefused`, `TenantSuspended`.
    """
    member.require(Permission.company_delete)
    services, tenant_id = plane.services, TenantId(member.tenant_id)
    erase_after = plane.clock.now() + services.grace

    async def work() -> datetime:
        await proved_by_session(plane, principal)
        try:
            await services.erasure.suspend(
                tenant_id, erase_after=erase_after, by_tenant=True, within=plane.db
            )
        except TenantBusy:
            raise TenantSuspended from None
        values = {"eraseAfter": erase_after}
        plane.audit(Action.delete, Resource.company, tenant_id, by=member, values=values)
        for account_id in await MembershipRepository(plane.db, member.company_id).owners():
            plane.publish(CompanyDeleted(member.company_id, account_id, erase_after))
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
