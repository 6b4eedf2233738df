"""Every query on exports."""

from typing import Final

from bson import ObjectId

from jazzaam.crm.exports.models import EXPORTS, MOST_KEPT
from jazzaam.crm.records import SETTINGS
from jazzaam.tenancy.database import Document, TenantDatabase

_SHOWN: Final = {"requestedBy": 1, "createdAt": 1, "expiresAt": 1, "fileId": 1}
_ALL_FILES: Final = {"files": 1}
_LINKS_REMEMBERED: Final = 10_000
"""Far more than an export's links are used in the ten minutes that each of them lasts."""
_MOST: Final = 100
"""More are never there at once: older ones are forgotten when new ones are asked for."""


class ExportRepository:
    """The exports of one tenant."""

    def __init__(self, db: TenantDatabase) -> None:
        self._rows = db[EXPORTS]
        self._settings = db[SETTINGS]

    async def take_turn(self) -> None:
        """Let the running change be the only one that asks for an export: it counts, then adds."""
        await self._settings.update_one({"_id": "exports"}, {"$inc": {"asked": 1}}, upsert=True)

    async def add(self, row: Document) -> None:
        """Write an export that was asked for."""
        await self._rows.insert(row)

    async def newest(self) -> list[Document]:
        """List exports, the newest first."""
        return await self._rows.find({}, _SHOWN, sort=[("_id", -1)], limit=_MOST).to_list()

    async def too_many(self) -> list[ObjectId]:
        """List the exports that are forgotten when another is asked for: the oldest beyond what is kept."""
        return [row["_id"] for row in (await self.newest())[MOST_KEPT - 1 :]]

    async def get(self, export_id: ObjectId) -> Document | None:
        """Read one."""
        return await self._rows.find_one({"_id": export_id}, _SHOWN)

    async def begin_file(self, export_id: ObjectId, file_id: ObjectId) -> bool:
        """Note a file before it is written, so that it goes with the export; False for one that is gone."""
        return await self._rows.update_one({"_id": export_id}, {"$push": {"files": file_id}})

    async def finish_file(self, export_id: ObjectId, file_id: ObjectId) -> bool:
        """Have a file that is whole be the export's; False for one that is gone."""
        return await self._rows.update_one({"_id": export_id}, {"$set": {"fileId": file_id}})

    async def use_link(self, export_id: ObjectId, link_id: ObjectId) -> bool:
        """Use a link up, in the running change; False when it was used, or the export is gone."""
        return await self._rows.update_one(
            {"_id": export_id, "usedLinks": {"$ne": link_id}},
            {"$push": {"usedLinks": {"$each": [link_id], "$slice": -_LINKS_REMEMBERED}}},
        )

    async def files_of(self, export_id: ObjectId) -> list[ObjectId]:
        """List every file that was begun for an export."""
        row = await self._rows.find_one({"_id": export_id}, _ALL_FILES)
        return list((row or {}).get("files") or ())

    async def remove(self, export_id: ObjectId) -> None:
        """Forget one."""
        await self._rows.delete_many({"_id": export_id})
