"""Every query on the service catalogue: it is the same for all companies, and nobody's own."""

from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.control.catalogue.models import FIRST_SERVICES, SERVICES
from jazzaam.tenancy.database import Document, SystemDatabase

_SHOWN: Final = {"label": 1, "sub_services": 1}
_MOST: Final = 1_000


class CatalogueRepository:
    """The services a company can say it offers."""

    def __init__(self, db: SystemDatabase) -> None:
        self._rows = db[SERVICES]

    async def all(self) -> list[Document]:
        """List them, by name."""
        return await self._rows.find({}, _SHOWN, sort=[("label", 1)], limit=_MOST).to_list()

    async def get(self, service_id: ObjectId) -> Document | None:
        """Read one."""
        return await self._rows.find_one({"_id": service_id}, _SHOWN)

    async def fill(self, at: datetime) -> None:
        """Give an empty catalogue its first services; safe to repeat, by several processes at once."""
        if await self._rows.find_one({}, {"_id": 1}) is not None:
            return
        await self._rows.update_each(
            ({"_id": service["_id"]}, {"$setOnInsert": {**_but_id(service), "createdAt": at}})
            for service in FIRST_SERVICES
        )


def _but_id(service: Document) -> Document:
    return {name: value for name, value in service.items() if name != "_id"}
