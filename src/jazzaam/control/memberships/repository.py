"""Every query on memberships."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.errors import AccountGone, MemberExists
from jazzaam.control.memberships.models import MEMBERSHIPS, Membership
from jazzaam.control.memberships.permissions import PERMISSIONS, Permission, Role
from jazzaam.errors import Forbidden
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase
from jazzaam.tenancy.models import TenantId

_FIELDS: Final = {"companyId": 1, "accountId": 1, "role": 1, "version": 1, "isActive": 1, "muted": 1}
_SHOWN: Final = {
    "accountId": 1,
    "role": 1,
    "isActive": 1,
    "assignedLeadsType": 1,
    "version": 1,
    "createdAt": 1,
}


class MembershipRepository:
    """The memberships of one company."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId) -> None:
        self._db = db
        self._company_id = company_id
        self._scope = CompanyScope(db, company_id)
        self._rows = self._scope[MEMBERSHIPS]

    async def take_turn(self) -> None:
        """Let the running change be the only one at this company's team.

        What counts owners or seats, and then changes one, would else miss who does the same.
        """
        await self._scope[COMPANIES].update_one({}, {"$inc": {"teamRevision": 1}})

    async def require(self, account_id: ObjectId | None, permission: Permission) -> Membership:
        """Go on only if an account has a permission here in the running change; raises `Forbidden`.

        What it had when its request began may be gone: others change the team too.
        """
        membership = await self.of(account_id) if account_id is not None else None
        if membership is None or not membership.is_active or permission not in PERMISSIONS[membership.role]:
            raise Forbidden(f"This needs the permission {permission}.")
        return membership

    async def all(self) -> list[Document]:
        """List the team, the oldest first."""
        return await self._rows.find({}, _SHOWN, sort=[("_id", 1)]).to_list()

    async def of(self, account_id: ObjectId) -> Membership | None:
        """Find an account's membership."""
        row = await self._rows.find_one({"accountId": account_id}, _FIELDS)
        return membership_of(row) if row else None

    async def add(self, account_id: ObjectId, role: Role, at: datetime) -> Membership:
        """Write a membership, and count it in the account; raises `AccountGone`, `MemberExists`.

        The count lets an account that nobody needs be removed only if no company took it in meanwhile.
        """
        account = CompanyScope(self._db, account_id)[COMPANIES]
        if not await account.update_one({}, {"$inc": {"membershipRevision": 1}}):
            raise AccountGone
        membership = Membership(ObjectId(), self._company_id, account_id, role, 1)
        try:
            await self._rows.insert(
                {
                    "_id": membership.id,
                    "accountId": account_id,
                    "role": membership.role,
                    "isActive": True,
                    "version": membership.version,
                    "createdAt": at,
                    "updatedAt": at,
                }
            )
        except DuplicateKeyError:
            raise MemberExists from None
        return membership

    async def change(self, account_id: ObjectId, new: Document, at: datetime) -> Document | None:
        """Change a membership, which ends the access tokens made before; gives it as it is now."""
        return await self._rows.find_one_and_update(
            {"accountId": account_id}, {"$set": {**new, "updatedAt": at}, "$inc": {"version": 1}}, _SHOWN
        )

    async def mute(self, account_id: ObjectId, shown: Mapping[str, bool], at: datetime) -> None:
        """Show kinds of notifications to a member, or show them no more; ends no token."""
        off = [kind for kind, on in shown.items() if not on]
        kept: Document = {"$setDifference": [{"$ifNull": ["$muted", []]}, list(shown)]}
        new = {"muted": {"$setUnion": [kept, off]}, "updatedAt": at}
        await self._rows.update_one({"accountId": account_id}, [{"$set": new}])

    async def remove(self, account_id: ObjectId) -> None:
        """Take a membership away."""
        await self._rows.delete_many({"accountId": account_id})

    async def other_owners(self, account_id: ObjectId) -> int:
        """Count the active owners beside an account."""
        return await self._rows.count(
            {"role": Role.owner, "isActive": True, "accountId": {"$ne": account_id}}
        )

    async def owners(self) -> list[ObjectId]:
        """List the accounts of the active owners."""
        rows = self._rows.find({"role": Role.owner, "isActive": True}, {"accountId": 1})
        return [row["accountId"] async for row in rows]

    async def active(self) -> int:
        """Count who works in the company."""
        return await self._rows.count({"isActive": True})


async def remove_memberships(db: SystemDatabase, tenant_id: TenantId) -> None:
    """Remove the memberships of an erased company, after its document; safe to repeat."""
    await CompanyScope(db, ObjectId(tenant_id))[MEMBERSHIPS].delete_many({})


async def remove_memberships_of(db: SystemDatabase, account_id: ObjectId) -> None:
    """Take an account out of every company, where it was deactivated too, in the running change."""
    await db.unscoped(MEMBERSHIPS, "a person is erased").delete_many({"accountId": account_id})


async def companies_of(db: SystemDatabase, account_id: ObjectId) -> list[ObjectId]:
    """List the companies an account works in, the oldest membership first."""
    return [membership.company_id for membership in await memberships_of(db, account_id)]


async def memberships_of(db: SystemDatabase, account_id: ObjectId) -> list[Membership]:
    """List where an account works, the oldest first."""
    rows = db.unscoped(MEMBERSHIPS, "an account's companies").find(
        {"accountId": account_id, "isActive": True}, _FIELDS, sort=[("_id", 1)]
    )
    return [membership_of(row) async for row in rows]


async def names_of(db: SystemDatabase, company_ids: Sequence[ObjectId]) -> dict[ObjectId, str]:
    """Name the companies an account works in."""
    rows = db.unscoped(COMPANIES, "an account's companies").find(
        {"_id": {"$in": list(company_ids)}}, {"companyName": 1}
    )
    return {row["_id"]: str(row.get("companyName", "")) async for row in rows}


def membership_of(row: dict[str, Any]) -> Membership:
    """Read a stored membership."""
    return Membership(
        id=row["_id"],
        company_id=row["companyId"],
        account_id=row["accountId"],
        role=Role(row["role"]),
        version=row.get("version", 1),
        is_active=row.get("isActive", True),
        muted=frozenset(row.get("muted") or ()),
    )
