"""Every query on notifications."""

from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.pagination import Position
from jazzaam.tenancy.database import Document, TenantDatabase

_FIELDS: Final = {
    "kind": 1,
    "params": 1,
    "title": 1,
    "message": 1,
    "leadId": 1,
    "isRead": 1,
    "createdAt": 1,
}


class NotificationRepository:
    """Notifications of one tenant; with `of`, those alone that are for that account."""

    def __init__(self, db: TenantDatabase, *, of: ObjectId | None = None) -> None:
        self._rows = db[NOTIFICATIONS]
        self._whose: Document = {} if of is None else {"recipientId": of}

    async def add(self, notification: Document) -> None:
        """Write a notification."""
        await self._rows.insert(notification)

    async def told_since(self, kind: str, at: datetime) -> bool:
        """Tell whether there is a notification of a kind that is not older."""
        return await self._rows.find_one({"kind": kind, "createdAt": {"$gte": at}}, {"_id": 1}) is not None

    async def page(self, limit: int, position: Position | None) -> tuple[list[Document], Position | None]:
        """Read a page, newest first, and where the next one begins."""
        matching = dict(self._whose)
        if position is not None:
            earlier = {"createdAt": {"$lt": position.value}}
            tied = {"createdAt": position.value, "_id": {"$lt": position.id}}
            matching["$or"] = [earlier, tied]
        order = [("createdAt", -1), ("_id", -1)]
        rows = await self._rows.find(matching, _FIELDS, sort=order, limit=limit + 1).to_list()
        if len(rows) <= limit:
            return rows, None
        rows.pop()
        return rows, Position(rows[-1]["createdAt"], rows[-1]["_id"])

    async def mark_read(self, notification_id: ObjectId) -> bool:
        """Mark one as read; False when there is none."""
        return await self._rows.update_one(
            {"_id": notification_id, **self._whose}, {"$set": {"isRead": True}}
        )
