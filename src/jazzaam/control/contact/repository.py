"""Every query on messages from the contact form: they belong to no company."""

from typing import Final

from bson import ObjectId

from jazzaam.control.contact.models import CONTACTS
from jazzaam.tenancy.database import Document, SystemDatabase

_SHOWN: Final = {"fullName": 1, "email": 1, "companyName": 1, "message": 1}


class ContactRepository:
    """Messages to who runs the platform."""

    def __init__(self, db: SystemDatabase) -> None:
        self._rows = db[CONTACTS]

    async def add(self, row: Document) -> None:
        """Write a message."""
        await self._rows.insert(row)

    async def get(self, message_id: ObjectId) -> Document | None:
        """Read a message."""
        return await self._rows.find_one({"_id": message_id}, _SHOWN)

    async def forget(self, email: str) -> None:
        """Remove what was written from an address."""
        await self._rows.delete_many({"email": email})
