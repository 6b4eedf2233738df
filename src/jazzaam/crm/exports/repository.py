"""Every query on exports."""

from typing import Final

from bson import ObjectId

from jazzaam.crm.exports.models import EXPORTS, MOST_SHOWN
from jazzaam.tenancy.database import Document, TenantDatabase

_SHOWN: Final = {"requestedBy": 1, "createdAt": 1, "expiresAt": 1}


class ExportRepository:
    """The exports of one tenant."""

    def __init__(self, db: TenantDatabase) -> None:
        self._rows = db[EXPORTS]

    async def add(self, row: Document) -> None:
        """Write an export that was asked for."""
        await self._rows.insert(row)

    async def newest(self) -> list[Document]:
        """List exports, the newest first."""
        return await self._rows.find({}, _SHOWN, sort=[("_id", -1)], limit=MOST_SHOWN).to_list()

    async def get(self, export_id: ObjectId) -> Document | None:
        """Read one."""
        return await self._rows.find_one({"_id": export_id}, _SHOWN)

    async def remove(self, export_id: ObjectId) -> None:
        """Forget one."""
        await self._rows.delete_many({"_id": export_id})
