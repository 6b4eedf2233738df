"""What every workspace keeps besides its features' data: history, trash, settings."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.models import Actor
from jazzaam.control.requests import IDEMPOTENCY
from jazzaam.events import Event
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, TenantDatabase

TRASH_KEPT: Final = timedelta(days=30)
_MOVED_AT_ONCE: Final = 50
_FORGOTTEN_AT_ONCE: Final = 500

ACTIVITIES: Final = CollectionSpec(
    "activities",
    indexes=(IndexSpec("a lead's history, newest first", (("leadId", 1), ("at", -1), ("_id", -1))),),
    validator={
        "$jsonSchema": {
            "required": ["leadId", "at", "kind", "actor", "data", "v"],
            "properties": {
                "leadId": {"bsonType": "objectId"},
                "at": {"bsonType": "date"},
                "kind": {"bsonType": "string"},
                "actor": {"bsonType": "object", "required": ["kind", "id"]},
                "data": {"bsonType": "object"},
            },
        }
    },
    lead_key="leadId",
)
"""Append-only: what happened to a lead, and by whom."""

TRASH: Final = CollectionSpec(
    "trash",
    indexes=(
        IndexSpec("finds what to restore", (("kind", 1), ("document._id", 1))),
        IndexSpec("what is to be forgotten", (("at", 1),)),
    ),
)
"""Deleted documents, whole: {kind, document, leadId, by, at}; `kind` is their collection's name."""

SETTINGS: Final = CollectionSpec("settings")
"""One document for each kind of setting, by its name."""

RECORDS: Final = (ACTIVITIES, TRASH, IDEMPOTENCY, SETTINGS)


async def write_activities(db: TenantDatabase, events: Sequence[Event], actor: Actor, at: datetime) -> None:
    """Append the history of the leads that events are about."""
    rows: list[Document] = []
    for event in events:
        if event.lead is None:
            continue
        data = {name: value for name, value in event.data().items() if name != "lead_id"}
        rows.append(
            {
                "_id": ObjectId(),
                "leadId": event.lead,
                "at": at,
                "kind": event.kind,
                "actor": {"kind": actor.kind, "id": actor.id},
                "data": data,
                "v": event.version,
            }
        )
    if rows:
        await db[ACTIVITIES].insert_all(rows)


async def move_to_trash(
    db: TenantDatabase, spec: CollectionSpec, found: Document, by: Actor, at: datetime
) -> int:
    """Move the matching documents of a collection to the trash; gives how many there were."""
    moved = 0
    while documents := await db[spec].take(found, _MOVED_AT_ONCE):
        moved += len(documents)
        await db[TRASH].insert_all(
            {
                "_id": ObjectId(),
                "kind": spec.name,
                "document": document,
                "by": {"kind": by.kind, "id": by.id},
                "at": at,
            }
            for document in documents
        )
    return moved


async def forget_trash(db: TenantDatabase, at: datetime) -> int:
    """Remove some of what is in the trash for over 30 days; gives how many documents, 0 at the end."""
    old = db[TRASH].find({"at": {"$lt": at - TRASH_KEPT}}, {"_id": 1}, limit=_FORGOTTEN_AT_ONCE)
    ids = [row["_id"] async for row in old]
    return await db[TRASH].delete_many({"_id": {"$in": ids}}) if ids else 0
