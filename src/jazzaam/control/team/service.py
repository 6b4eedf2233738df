"""The rules of a company's team. Whoever changes it takes a turn: one at a time counts owners and seats."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.api_keys.repository import ApiKeyRepository
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.errors import LastOwner, MemberNotFound
from jazzaam.control.memberships.models import Member, Membership
from jazzaam.control.memberships.permissions import Permission, Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.control.team.seats import require_seat, seats_taken
from jazzaam.errors import Forbidden
from jazzaam.tenancy.database import Document


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What is to be changed of a member; None leaves it."""

    role: Role | None = None
    is_active: bool | None = None
    assigned_leads_type: str | None = None

    def fields(self) -> Document:
        """Give what is named, as it is stored."""
        named: dict[str, Any] = {
            "role": self.role,
            "isActive": self.is_active,
            "assignedLeadsType": self.assigned_leads_type,
        }
        return {name: value for name, value in named.items() if value is not None}


async def list_members(plane: ControlPlane, member: Member) -> list[Document]:
    """List who works in the company, also who does no more; raises `Forbidden`."""
    member.require(Permission.company_read)
    rows = await MembershipRepository(plane.db, member.company_id).all()
    people = await AccountRepository(plane.db).people([row["accountId"] for row in rows])
    return [_shown(row, people.get(row["accountId"], {})) for row in rows]


async def change_member(
    plane: ControlPlane, member: Member, account_id: ObjectId, change: MemberChange
) -> Document:
    """Change a member's role, or whether they work here; their tokens made before end within a second.

    Only an owner makes an owner, or changes one. Raises `Forbidden`, `MemberNotFound`, `LastOwner`,
    `LimitReached`.
    """
    member.require(Permission.team_manage)
    new = change.fields()

    async def work() -> Document:
        team = MembershipRepository(plane.db, member.company_id)
        await team.take_turn()
        by = await team.require(member.account_id, Permission.team_manage)
        before = await _changeable(team, by, account_id, to_owner=change.role is Role.owner)
        stays_owner = new.get("role", before.role) is Role.owner and new.get("isActive", before.is_active)
        if _is_owner(before) and not stays_owner and not await team.other_owners(account_id):
            raise LastOwner
        if change.is_active and not before.is_active:
            await require_seat(plane, member.tenant_id, seats_taken(await team.active()))
        after = await team.change(account_id, new, plane.clock.now())
        if after is None:
            raise MemberNotFound
        if change.is_active is False:
            await _take_away(plane, member, account_id)
        plane.audit(
            Action.update, Resource.membership, account_id, by=member, fields=new.keys(), values=new
        )
        return after

    row = await plane.change(work)
    people = await AccountRepository(plane.db).people([account_id])
    return _shown(row, people.get(account_id, {}))


async def remove_member(plane: ControlPlane, member: Member, account_id: ObjectId) -> None:
    """Take somebody out of the company, or leave it; the leads assigned to them stay so until reassigned.

    Raises `Forbidden`, `MemberNotFound`, `LastOwner`.
    """
    if account_id != member.account_id:
        member.require(Permission.team_remove)

    async def work() -> None:
        team = MembershipRepository(plane.db, member.company_id)
        await team.take_turn()
        leaving = account_id == member.account_id
        needed = Permission.company_read if leaving else Permission.team_remove
        by = await team.require(member.account_id, needed)
        before = await _changeable(team, by, account_id)
        if _is_owner(before) and not await team.other_owners(account_id):
            raise LastOwner
        await team.remove(account_id)
        await _take_away(plane, member, account_id)
        plane.audit(Action.delete, Resource.membership, account_id, by=member)

    await plane.change(work)


async def _take_away(plane: ControlPlane, member: Member, account_id: ObjectId) -> None:
    """Take away what would let somebody in again when they come back: their sessions and keys here."""
    await SessionRepository(plane.db).end_in_company(account_id, member.company_id)
    await ApiKeyRepository(plane.db, member.company_id).remove_made_by(account_id)


async def _changeable(
    team: MembershipRepository, by: Membership, account_id: ObjectId, *, to_owner: bool = False
) -> Membership:
    """Find whom somebody may change; raises `MemberNotFound`, `Forbidden`."""
    found = await team.of(account_id)
    if found is None:
        raise MemberNotFound
    if (found.role is Role.owner or to_owner) and by.role is not Role.owner:
        raise Forbidden("Only an owner may do this.")
    return found


def _is_owner(membership: Membership) -> bool:
    return membership.role is Role.owner and membership.is_active


def _shown(row: Document, person: Document) -> Document:
    return {
        "id": row["accountId"],
        "email": person.get("email"),
        "fullName": person.get("fullName") or "",
        "role": row["role"],
        "isActive": row["isActive"],
        "assignedLeadsType": row.get("assignedLeadsType"),
        "joinedAt": row.get("createdAt"),
    }
