"""The rules of a company's profile and settings."""

from typing import Any, Final

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.companies.errors import CompanyChanged
from jazzaam.control.companies.repository import CompanyRepository
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlPlane
from jazzaam.errors import NotFound
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.models import TenantId

_TOLD: Final = ("companyName", "industry", "companySize", "website")
"""What of a profile the audit log keeps the new value of."""


async def get_company(plane: ControlPlane, member: Member) -> Document:
    """Read the company; raises `Forbidden`."""
    member.require(Permission.company_read)
    return await _read(plane, member)


async def change_profile(
    plane: ControlPlane, member: Member, named: Document, if_revision: int | None
) -> Document:
    """Change the fields of the profile that are named; None removes one.

    Raises `Forbidden`, or `CompanyChanged` when its revision is not `if_revision`.
    """
    member.require(Permission.company_write)

    async def work() -> None:
        await _change(plane, member, named, if_revision)
        values = {name: named[name] for name in _TOLD if name in named}
        plane.audit(
            Action.update, Resource.company, member.tenant_id, by=member, fields=named, values=values
        )

    await plane.change(work)
    return await _read(plane, member)


async def change_settings(
    plane: ControlPlane, member: Member, named: Document, if_revision: int | None
) -> Document:
    """Change the settings that are named; new clocks have the company's schedules planned anew.

    Raises `Forbidden`, or `CompanyChanged` when the company's revision is not `if_revision`.
    """
    member.require(Permission.settings_write)

    async def work() -> None:
        changed = {f"settings.{name}": value for name, value in named.items()}
        await _change(plane, member, changed, if_revision)
        plane.audit(
            Action.settings_change,
            Resource.settings,
            member.tenant_id,
            by=member,
            fields=named,
            values=named,
        )

    await plane.change(work)
    if "timezone" in named:
        await plane.services.tenancy.catalog.plan_anew(TenantId(member.tenant_id))
    return await _read(plane, member)


async def _change(
    plane: ControlPlane, member: Member, named: dict[str, Any], if_revision: int | None
) -> None:
    companies = CompanyRepository(plane.db, member.company_id)
    if not await companies.change(named, if_revision, plane.clock.now()):
        raise CompanyChanged


async def _read(plane: ControlPlane, member: Member) -> Document:
    row = await CompanyRepository(plane.db, member.company_id).get()
    if row is None:
        raise NotFound
    return row
