"""Every query on the waiting list: it belongs to no company."""

from datetime import datetime
from typing import Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.control.waitlist.errors import WaitsAlready
from jazzaam.control.waitlist.models import WAITLISTS, NewEntry, WaitlistStatus
from jazzaam.pagination import Position, newest_first
from jazzaam.tenancy.database import Document, SystemDatabase

_SHOWN: Final = {
    "email": 1,
    "name": 1,
    "source": 1,
    "status": 1,
    "metadata": 1,
    "createdAt": 1,
    "updatedAt": 1,
}


class WaitlistRepository:
    """Who waits."""

    def __init__(self, db: SystemDatabase) -> None:
        self._rows = db[WAITLISTS]

    async def join(self, new: NewEntry, at: datetime) -> None:
        """Have an address wait, or wait anew; one that waits stays as it is.

        Raises `WaitsAlready` when it began to wait just now.
        """
        fresh = {
            "name": new.name,
            "source": new.source,
            "status": WaitlistStatus.pending,
            "metadata": new.metadata,
            "isActive": True,
            "mailedAt": None,
            "createdAt": at,
            "updatedAt": at,
        }
        known = await self._rows.find_one({"email": new.email}, {"isActive": 1})
        if known is None:
            try:
                await self._rows.insert({"_id": ObjectId(), "email": new.email, **fresh})
            except DuplicateKeyError:
                raise WaitsAlready from None
        elif known.get("isActive") is False:
            await self._rows.update_one({"_id": known["_id"]}, {"$set": fresh})

    async def needs_no_mail(self, email: str) -> bool:
        """Tell whether who waits was told so, or does not wait."""
        waiting = {"email": email, "isActive": True, "mailedAt": None}
        return await self._rows.find_one(waiting, {"_id": 1}) is None

    async def note_mailed(self, email: str, at: datetime) -> None:
        """Keep that who waits was told so."""
        await self._rows.update_one({"email": email, "isActive": True}, {"$set": {"mailedAt": at}})

    async def page(
        self, status: WaitlistStatus | None, limit: int, position: Position | None
    ) -> tuple[list[Document], Position | None]:
        """Read a page of who waits, the newest first."""
        among = [status] if status else list(WaitlistStatus)
        matching = {"isActive": True, "status": {"$in": among}}
        return await newest_first(self._rows, matching, _SHOWN, limit, position, by="createdAt")

    async def counts(self) -> dict[str, int]:
        """Count who waits, by status."""
        grouped = await self._rows.aggregate(
            [{"$match": {"isActive": True}}, {"$group": {"_id": "$status", "count": {"$sum": 1}}}]
        )
        return {row["_id"]: row["count"] async for row in grouped}

    async def set_status(self, entry_id: ObjectId, status: WaitlistStatus, at: datetime) -> Document | None:
        """Say how far somebody is; gives them as they are now, None when nobody waits under that id."""
        return await self._rows.find_one_and_update(
            {"_id": entry_id, "isActive": True}, {"$set": {"status": status, "updatedAt": at}}, _SHOWN
        )

    async def take_off(self, entry_id: ObjectId, at: datetime) -> bool:
        """Take somebody off; False when nobody waits under that id."""
        return await self._rows.update_one(
            {"_id": entry_id, "isActive": True}, {"$set": {"isActive": False, "updatedAt": at}}
        )

    async def forget(self, email: str) -> None:
        """Remove an address, whether it waits or not."""
        await self._rows.delete_many({"email": email})
