"""The queries on a company's logo."""

from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.crm.logo.models import LOGO
from jazzaam.crm.records import SETTINGS
from jazzaam.tenancy.database import Document, TenantDatabase

_FIELDS: Final = {"fileId": 1, "width": 1, "height": 1}


class LogoRepository:
    """Which file is one tenant's logo."""

    def __init__(self, db: TenantDatabase) -> None:
        self._settings = db[SETTINGS]

    async def get(self) -> Document | None:
        """Read it; one that another system wrote its own way is none."""
        row = await self._settings.find_one({"_id": LOGO}, _FIELDS)
        if row is None or not isinstance(row.get("fileId"), ObjectId):
            return None
        sizes = (row.get("width"), row.get("height"))
        return row if all(isinstance(one, int) for one in sizes) else None

    async def put(self, file_id: ObjectId, width: int, height: int, at: datetime) -> None:
        """Have another file be it."""
        logo = {"_id": LOGO, "fileId": file_id, "width": width, "height": height, "updatedAt": at}
        await self._settings.replace_one({"_id": LOGO}, logo, upsert=True)

    async def remove(self) -> None:
        """Have none."""
        await self._settings.delete_many({"_id": LOGO})
