"""Hear of a whole cluster's queues, as *watcher*: where a row changed, its state and when it is due.

Nothing else of a document is asked for, and what is asked for is made harmless by the server: a tenant of
the *dedicated* tier writes its rows itself, and one row that cannot be read would end the stream of all.
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from bson import ObjectId
from pymongo.asynchronous.change_stream import AsyncChangeStream

from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.users import WATCHER

_AWAIT_MS: Final = 500
_BATCH: Final = 500
"""Changes that are read at once: what reads them shares its thread with others."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_MS: Final = 10**14
"""About the year 5000: what is due later is never due."""


class Change(NamedTuple):
    """A row that was added, or whose state or due time was changed; None for what was not."""

    database: str
    id: ObjectId
    added: bool
    state: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Queues:
    """What is heard of the queues of one cluster."""

    _stream: AsyncChangeStream[dict[str, Any]]

    @property
    def token(self) -> Any:
        """Say how far has been heard, to go on from there; may be stored."""
        return self._stream.resume_token

    async def changes(self) -> AsyncGenerator[Change]:
        """Yield each change; ends with the driver's error when the stream breaks."""
        async for event in self._stream:
            yield Change(
                event["ns"]["db"],
                event["documentKey"]["_id"],
                event["operationType"] == "insert",
                event.get("state"),
                _moment(event.get("dueAt")),
            )


@asynccontextmanager
async def queues(
    clusters: Clusters, cluster: str, collection: str, states: Collection[str], after: Any | None
) -> AsyncGenerator[Queues]:
    """Hear of `collection` of any of a cluster's databases, `after` a token or from now on.

    Rows have a `state`, one of `states`, and a `dueAt`.
    """
    added = {"operationType": "insert", "fullDocument.state": {"$in": list(states)}}
    moved = {"updateDescription.updatedFields.state": {"$in": list(states)}}
    put_off = {"updateDescription.updatedFields.dueAt": {"$type": "date"}}
    pipeline = [
        {"$match": {"ns.coll": collection, "documentKey._id": {"$type": "objectId"}}},
        {"$match": {"$or": [added, {"operationType": "update", "$or": [moved, put_off]}]}},
        {
            "$project": {
                "ns": 1,
                "documentKey._id": 1,
                "operationType": 1,
                "state": _one_of(_changed("state"), states),
                "dueAt": {"$convert": {"input": _changed("dueAt"), "to": "long", "onError": None}},
            }
        },
    ]
    client = clusters.client(cluster, WATCHER)
    async with await client.watch(
        pipeline, max_await_time_ms=_AWAIT_MS, batch_size=_BATCH, resume_after=after
    ) as stream:
        yield Queues(stream)


def _changed(field: str) -> dict[str, Any]:
    return {"$ifNull": [f"$fullDocument.{field}", f"$updateDescription.updatedFields.{field}"]}


def _one_of(value: Any, states: Collection[str]) -> dict[str, Any]:
    return {"$cond": [{"$in": [value, list(states)]}, value, None]}


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None:
        return None
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, 0), _MOST_MS))
