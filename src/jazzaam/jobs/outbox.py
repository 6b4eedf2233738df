"""The only queries on `jobs`: enqueue inside a change, claim, finish."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from jazzaam.jobs.models import JOBS, Claim, JobState
from jazzaam.jobs.registry import Message, Registry
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase

Database = TenantDatabase | SystemDatabase


class LeaseLost(Exception):
    """Another worker has the job now; what this one did is undone."""


async def enqueue(db: Database, registry: Registry, events: Iterable[Message], at: datetime) -> None:
    """Write a row for each job that answers one of the events, in the running change."""
    rows = [
        {
            "_id": ObjectId(),
            "name": answer.name,
            "args": event.data(),
            "v": event.version,
            "state": JobState.queued,
            "dueAt": at,
            "attempt": 0,
            "createdAt": at,
        }
        for event in events
        for answer in registry.answering(event)
    ]
    if rows:
        await db[JOBS].insert_all(rows)


async def claim(db: Database, job_id: ObjectId, at: datetime, lease_for: timedelta) -> Claim | None:
    """Take a job that is due, or whose worker's lease has run out; None when there is nothing to do."""
    lease = ObjectId()
    row = await db[JOBS].find_one_and_update(
        {
            "_id": job_id,
            "state": {"$in": [JobState.queued, JobState.running]},
            "dueAt": {"$lte": at},
        },
        {
            "$set": {"state": JobState.running, "dueAt": at + lease_for, "lease": lease},
            "$inc": {"attempt": 1},
        },
        {"name": 1, "args": 1, "attempt": 1},
    )
    return Claim(row["_id"], row["name"], row["args"], row["attempt"], lease) if row else None


async def finish(db: Database, claimed: Claim, at: datetime) -> None:
    """Say that a job is done; raises `LeaseLost` when it is not this worker's any more."""
    await _settle(db, claimed, {"state": JobState.done, "finishedAt": at})


async def try_again(db: Database, claimed: Claim, error: str, at: datetime) -> None:
    """Put a failed job back, due at `at`; raises `LeaseLost`."""
    await _settle(db, claimed, {"state": JobState.queued, "dueAt": at, "lastError": error})


async def give_up(db: Database, claimed: Claim, error: str, at: datetime) -> None:
    """Keep a job that failed for good as a dead letter; raises `LeaseLost`."""
    await _settle(db, claimed, {"state": JobState.dead, "lastError": error, "diedAt": at})


async def waiting(db: Database) -> int:
    """Count the jobs that have not ended."""
    return await db[JOBS].count({"state": {"$in": [JobState.queued, JobState.running]}})


async def due(db: Database, at: datetime, limit: int) -> list[ObjectId]:
    """List jobs that may be claimed, the longest due first."""
    cursor = db[JOBS].find(
        {"state": {"$in": [JobState.queued, JobState.running]}, "dueAt": {"$lte": at}},
        {"_id": 1},
        sort=[("dueAt", 1)],
        limit=limit,
    )
    return [row["_id"] async for row in cursor]


async def _settle(db: Database, claimed: Claim, what: dict[str, Any]) -> None:
    if not await db[JOBS].update_one(
        {"_id": claimed.id, "lease": claimed.lease, "state": JobState.running},
        {"$set": what, "$unset": {"lease": ""}},
    ):
        raise LeaseLost
