"""Every query on support grants."""

from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.control.support.models import SUPPORT_GRANTS, SupportGrant
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase

_SHOWN: Final = {"reason": 1, "grantedBy": 1, "createdAt": 1, "endsAt": 1}


class SupportGrantRepository:
    """The grants of one company."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId) -> None:
        self._company_id = company_id
        self._rows = CompanyScope(db, company_id)[SUPPORT_GRANTS]

    async def all(self) -> list[Document]:
        """List the grants, the newest first, also those that are over."""
        return await self._rows.find({}, _SHOWN, sort=[("_id", -1)], limit=100).to_list()

    async def running(self, at: datetime) -> SupportGrant | None:
        """Find the grant that is given now and lasts longest."""
        row = await self._rows.find_one({"endsAt": {"$gt": at}}, {"endsAt": 1}, sort=[("endsAt", -1)])
        return self._grant(row)

    async def find(self, grant_id: ObjectId, at: datetime) -> SupportGrant | None:
        """Find a grant that is not over."""
        return self._grant(
            await self._rows.find_one({"_id": grant_id, "endsAt": {"$gt": at}}, {"endsAt": 1})
        )

    async def add(self, row: Document) -> None:
        """Write a grant."""
        await self._rows.insert(row)

    async def end(self, grant_id: ObjectId, at: datetime) -> bool:
        """End a grant that is not over; False when there is none."""
        return await self._rows.update_one(
            {"_id": grant_id, "endsAt": {"$gt": at}}, {"$set": {"endsAt": at}}
        )

    def _grant(self, row: Document | None) -> SupportGrant | None:
        return SupportGrant(row["_id"], self._company_id, row["endsAt"]) if row else None
