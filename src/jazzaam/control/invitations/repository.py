"""Every query on invitations."""

from datetime import datetime
from typing import Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.control.invitations.errors import InvitationExists
from jazzaam.control.invitations.models import INVITATION_LASTS, INVITATIONS, Invitation
from jazzaam.control.memberships.permissions import Role
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase

_FIELDS: Final = {"senderCompany": 1, "email": 1, "role": 1, "seed": 1, "createdAt": 1, "invitedBy": 1}
_SHOWN: Final = {"email": 1, "role": 1, "createdAt": 1}


class InvitationRepository:
    """The invitations of one company that wait; those of the original's own, without a seed, are none."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId) -> None:
        self._rows = CompanyScope(db, company_id)[INVITATIONS]

    async def waiting(self, at: datetime) -> list[Document]:
        """List what waits, the newest first."""
        return await self._rows.find(_waiting(at), _SHOWN, sort=[("_id", -1)], limit=1000).to_list()

    async def count(self, at: datetime) -> int:
        """Count what waits."""
        return await self._rows.count(_waiting(at))

    async def add(self, invitation: Invitation) -> None:
        """Write an invitation; raises `InvitationExists`."""
        await self._rows.delete_many(
            {"email": invitation.email, "createdAt": {"$lte": invitation.created_at - INVITATION_LASTS}}
        )
        try:
            await self._rows.insert(
                {
                    "_id": invitation.id,
                    "email": invitation.email,
                    "role": invitation.role,
                    "seed": invitation.seed,
                    "status": "pending",
                    "invitedBy": invitation.invited_by,
                    "createdAt": invitation.created_at,
                }
            )
        except DuplicateKeyError:
            raise InvitationExists from None

    async def find(self, invitation_id: ObjectId, at: datetime) -> Invitation | None:
        """Find an invitation that waits."""
        row = await self._rows.find_one({"_id": invitation_id, **_waiting(at)}, _FIELDS)
        if row is None:
            return None
        return Invitation(
            id=row["_id"],
            company_id=row["senderCompany"],
            email=row["email"],
            role=Role(row["role"]),
            seed=row["seed"],
            created_at=row["createdAt"],
            invited_by=row.get("invitedBy"),
        )

    async def remove(self, invitation_id: ObjectId) -> bool:
        """Take an invitation away; False when there is none."""
        return await self._rows.delete_many({"_id": invitation_id}) > 0


async def remove_invitations_of(db: SystemDatabase, email: str) -> None:
    """Take every invitation of an address away, in the running change."""
    await db.unscoped(INVITATIONS, "a person is erased").delete_many({"email": email})


def _waiting(at: datetime) -> Document:
    return {"seed": {"$type": "binData"}, "createdAt": {"$gt": at - INVITATION_LASTS}}
