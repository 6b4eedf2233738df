"""What every workspace keeps besides its features' data: history, trash, answered requests, settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError, OperationFailure

from jazzaam.control.memberships.models import Actor
from jazzaam.errors import Conflict, FieldError, InvalidInput
from jazzaam.events import Event
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, TenantDatabase

TRASH_KEPT: Final = timedelta(days=30)
REQUESTS_KEPT: Final = timedelta(hours=24)
_WRITE_CONFLICT: Final = 112
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

IDEMPOTENCY: Final = CollectionSpec(
    "idempotency",
    indexes=(IndexSpec("forgets after a day", (("at", 1),), expire_after=REQUESTS_KEPT),),
    transient=True,
)
"""Requests that were answered, by the hash of who asked what under which key."""

SETTINGS: Final = CollectionSpec("settings")
"""One document for each kind of setting, by its name."""

RECORDS: Final = (ACTIVITIES, TRASH, IDEMPOTENCY, SETTINGS)


class RequestRunning(Conflict):
    """The first request with this Idempotency-Key has not been answered yet."""


class RequestRepeated(Exception):
    """This request was answered before."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request that may be sent again: who, what and its key hashed, and its body hashed."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an earlier request came to; `result` is what its work returned."""

    result: Any


class RequestRepository:
    """Requests that were answered."""

    def __init__(self, db: TenantDatabase) -> None:
        self._rows = db[IDEMPOTENCY]

    async def find(self, request: RequestKey) -> Remembered | None:
        """Find what a request came to; raises `InvalidInput` when its body was another."""
        row = await self._rows.find_one({"_id": request.id}, {"body": 1, "result": 1})
        if row is None:
            return None
        if row["body"] != request.body:
            raise InvalidInput(
                [FieldError("/header/Idempotency-Key", "reused", "was used for another body")]
            )
        return Remembered(row["result"])

    async def remember(self, request: RequestKey, result: object, at: datetime) -> None:
        """Keep a result in the running change.

        Raises `RequestRunning` while another transaction does the same, `RequestRepeated` when one did.
        """
        try:
            await self._rows.insert({"_id": request.id, "body": request.body, "result": result, "at": at})
        except DuplicateKeyError:
            raise RequestRepeated from None
        except OperationFailure as error:
            if error.code == _WRITE_CONFLICT:
                raise RequestRunning from None
            raise


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
