"""Every query on notifications."""

from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.pagination import Position, newest_first
from jazzaam.tenancy.database import Document, TenantDatabase

_FIELDS: Final = {"kind": 1, "params": 1, "title": 1, "message": 1, "leadId": 1, "createdAt": 1}


class NotificationRepository:
    """Notifications of one tenant, as one `reader` has read them.

    With `of` those alone that are for that account, or about a lead that was theirs when it was written.
    Kinds that are `muted` are not listed.
    """

    def __init__(
        self,
        db: TenantDatabase,
        *,
        reader: str = "",
        of: ObjectId | None = None,
        muted: frozenset[str] = frozenset(),
    ) -> None:
        self._rows = db[NOTIFICATIONS]
        self._reader = reader
        self._whose: Document = {} if of is None else {"$or": [{"recipientId": of}, {"assigneeId": of}]}
        self._listed: Document = {"kind": {"$nin": sorted(muted)}} if muted else {}

    async def add(self, notification: Document) -> None:
        """Write a notification."""
        await self._rows.insert(notification)

    async def told_since(self, kind: str, at: datetime) -> bool:
        """Tell whether there is a notification of a kind that is not older."""
        return await self._rows.find_one({"kind": kind, "createdAt": {"$gte": at}}, {"_id": 1}) is not None

    async def page(self, limit: int, position: Position | None) -> tuple[list[Document], Position | None]:
        """Read a page, newest first, and where the next one begins.

        What the original marked as read, it marked for everybody.
        """
        read: list[Document] = [
            {"$in": [self._reader, {"$ifNull": ["$readBy", []]}]},
            {"$eq": ["$isRead", True]},
        ]
        shown = {**_FIELDS, "isRead": {"$or": read}}
        return await newest_first(
            self._rows, {**self._whose, **self._listed}, shown, limit, position, by="createdAt"
        )

    async def mark_read(self, notification_id: ObjectId) -> bool:
        """Mark one as read by the reader; False when there is none."""
        return await self._rows.update_one(
            {"_id": notification_id, **self._whose}, {"$addToSet": {"readBy": self._reader}}
        )
