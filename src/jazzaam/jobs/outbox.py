"""The only queries on `jobs`: enqueue inside a change, claim, settle, look after."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from bson import ObjectId

from jazzaam.jobs.models import JOBS, KEEP_DEAD, UNENDED, Claim, Due, JobState
from jazzaam.jobs.registry import KEEP_ENDED, Job, Message
from jazzaam.tenancy.database import Document, SystemDatabase, TenantDatabase

Database = TenantDatabase | SystemDatabase

_LOOK_MS: Final = 2_000
"""How long a look at one database may take: a tenant may have taken its index away."""
_SCHEDULES: Final = 200
_FIRE: Final = {"cron.fireAt": 1, "cron.zone": 1, "cron.expression": 1}
_A_WORD: Final = {"$type": "string", "$regex": r"^.{0,64}$"}
"""What a row's texts look like that we wrote; a tenant's own user may write others."""
CLOCKS_DIFFER: Final = timedelta(seconds=2)
"""By how much the clocks of two machines may differ."""
_ID: Final = {"_id": 1}
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_CLAIMED: Final = {
    "name": 1,
    "args": 1,
    "v": 1,
    "attempt": 1,
    "triedFrom": 1,
    "cron": 1,
    "done": 1,
    "total": 1,
    "cancelAsked": 1,
    "createdAt": 1,
}
SHOWN: Final = {
    "name": 1,
    "state": 1,
    "dueAt": 1,
    "attempt": 1,
    "createdAt": 1,
    "endedAt": 1,
    "done": 1,
    "total": 1,
    "result": 1,
    "lastError": 1,
    "cancelAsked": 1,
    "cron": 1,
}
"""What is told of a job: never its arguments, which may hold anything."""


class LeaseLost(Exception):
    """Another worker has the job now; what this one did is undone."""


def row_of(job: Job, message: Message, at: datetime, due_at: datetime) -> Document:
    """Make the row of a job that is to be done."""
    return {
        "_id": ObjectId(),
        "name": job.name,
        "args": message.data(),
        "v": message.version,
        "state": JobState.queued,
        "dueAt": due_at,
        "attempt": 0,
        "createdAt": at,
    }


async def enqueue(db: Database, rows: Sequence[Document]) -> None:
    """Write jobs, in the running change."""
    if rows:
        await db[JOBS].insert_all(rows)


async def enqueue_once(db: Database, row: Document) -> None:
    """Write a job unless its row is there already, in the running change."""
    await db[JOBS].update_one({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True)


async def claim(
    db: Database, job_id: ObjectId, attempt: int, at: datetime, lease_for: timedelta
) -> Claim | None:
    """Take the given attempt of a job that is due, or whose worker's lease has run out.

    A relay said that it is due, whose clock may be a little ahead of this one.
    """
    lease = ObjectId()
    due = {"state": JobState.queued, "dueAt": {"$lte": at + CLOCKS_DIFFER}}
    left = {"state": JobState.running, "dueAt": {"$lte": at}}
    row = await db[JOBS].find_one_and_update(
        {"_id": job_id, "attempt": attempt, "$or": [due, left]},
        {
            "$set": {"state": JobState.running, "dueAt": at + lease_for, "lease": lease},
            "$inc": {"attempt": 1},
        },
        _CLAIMED,
    )
    if row is None:
        return None
    return Claim(
        id=row["_id"],
        name=row["name"],
        args=row["args"],
        version=row.get("v", 1),
        attempt=row["attempt"],
        tries=row["attempt"] - row.get("triedFrom", 0),
        lease=lease,
        is_cron="cron" in row,
        done=row.get("done", 0),
        total=row.get("total"),
        cancel_asked=row.get("cancelAsked", False),
        created_at=row.get("createdAt", at),
    )


async def renew(db: Database, claimed: Claim, until: datetime, done: int, total: int | None) -> bool:
    """Keep a job longer and write its progress; tells whether it was asked to stop. Raises `LeaseLost`.

    Progress never falls: a part that was committed meanwhile must not be done again.
    """
    further = {"$set": {"dueAt": until, "total": total}, "$max": {"done": done}}
    row = await _change_mine(db, claimed, further, {"cancelAsked": 1})
    return bool(row.get("cancelAsked"))


async def note(db: Database, claimed: Claim, until: datetime, done: int, total: int | None) -> None:
    """Write how far a job is, and keep it longer, in the running change; raises `LeaseLost`."""
    await _change_mine(db, claimed, {"$set": {"done": done, "total": total, "dueAt": until}})


async def settle(
    db: Database,
    claimed: Claim,
    state: JobState,
    at: datetime,
    *,
    keep: timedelta = KEEP_ENDED,
    **said: object,
) -> Document | None:
    """End a job as done, dead or cancelled; gives the schedule of one that comes again.

    `said` are its result or last error. Raises `LeaseLost` when it is not this worker's any more.
    """
    kept = KEEP_DEAD if state is JobState.dead else keep
    ended = {
        "$set": {"state": state, "endedAt": at, "expiresAt": at + kept, **said},
        "$unset": {"lease": "", "cancelAsked": ""},
    }
    cron = (await _change_mine(db, claimed, ended, {"cron": 1})).get("cron")
    return cast("Document", cron) if isinstance(cron, dict) else None


async def try_again(db: Database, claimed: Claim, error: str, at: datetime) -> None:
    """Put a failed job back, due at `at`; raises `LeaseLost`."""
    await _put_back(db, claimed, {"dueAt": at, "lastError": error})


async def give_back(db: Database, claimed: Claim, at: datetime, error: str | None = None) -> None:
    """Put back a job that its worker had to leave; that does not count as a try. Raises `LeaseLost`."""
    tried_from = claimed.attempt - claimed.tries + 1
    said = {} if error is None else {"lastError": error}
    await _put_back(db, claimed, {"dueAt": at, "triedFrom": tried_from, **said})


async def _put_back(db: Database, claimed: Claim, what: Mapping[str, Any]) -> None:
    await _change_mine(db, claimed, {"$set": {"state": JobState.queued, **what}, "$unset": {"lease": ""}})


async def waiting(db: Database) -> int:
    """Count the jobs that have not ended, less those that come again by themselves."""
    return await db[JOBS].count({"state": {"$in": UNENDED}, "cron": {"$exists": False}})


async def next_due(db: Database, limit: int) -> list[Due]:
    """List the jobs that are due first, whether they are already or not."""
    return await _due(db, {"$in": UNENDED}, limit)


async def running(db: Database, limit: int) -> list[Due]:
    """List the jobs that workers have, those whose lease ends first before others."""
    return await _due(db, JobState.running, limit)


async def _due(db: Database, state: object, limit: int) -> list[Due]:
    """Read what a relay knows of jobs.

    A row that is none of ours (a dedicated tenant's own user may have written it) is left where it is.
    """
    ours = {"_id": {"$type": "objectId"}, "attempt": {"$type": ["int", "long"]}}
    cursor = db[JOBS].find(
        {"state": state, "dueAt": {"$lte": _NEVER}, **ours},
        {"attempt": 1, "dueAt": 1, "state": 1},
        sort=[("dueAt", 1)],
        limit=limit,
        max_time_ms=_LOOK_MS,
    )
    return [
        Due(row["_id"], row["attempt"], row["dueAt"], row["state"] == JobState.running)
        async for row in cursor
    ]


async def attempt_of(db: Database, job_id: ObjectId) -> tuple[JobState, int] | None:
    """Tell a job's state and how often it was claimed, if there is one."""
    row = await db[JOBS].find_one({"_id": job_id}, {"state": 1, "attempt": 1})
    return (JobState(row["state"]), row["attempt"]) if row else None


async def show(db: Database, job_id: ObjectId) -> Document | None:
    """Read what is told of a job, if there is one."""
    return await db[JOBS].find_one({"_id": job_id}, SHOWN)


async def show_all(db: Database, job_ids: Sequence[ObjectId]) -> dict[ObjectId, Document]:
    """Read what is told of some jobs, by their ids; those that were forgotten are not among them."""
    found = db[JOBS].find({"_id": {"$in": list(job_ids)}}, SHOWN)
    return {row["_id"]: row async for row in found}


async def find(db: Database, states: Sequence[JobState], name: str | None, limit: int) -> list[Document]:
    """List jobs in some states, those due first before others; of ended ones the latest first."""
    of_name = {} if name is None else {"name": name}
    order = 1 if set(states) & set(UNENDED) else -1
    found = db[JOBS].find(
        {"state": {"$in": list(states)}, **of_name}, SHOWN, sort=[("dueAt", order)], limit=limit
    )
    return [row async for row in found]


async def remove_addressed_to(db: Database, email: str) -> None:
    """Remove the jobs that name an address in their arguments: its person is being erased."""
    await db[JOBS].delete_many({"args.email": email})


async def retry(db: Database, job_id: ObjectId, at: datetime) -> bool:
    """Have a dead or cancelled job tried again, with all its tries; tells whether it could be."""
    row = await db[JOBS].find_one_and_update(
        {"_id": job_id, "state": {"$in": [JobState.dead, JobState.cancelled]}},
        [
            {"$set": {"state": JobState.queued, "dueAt": at, "triedFrom": "$attempt"}},
            {"$unset": ["endedAt", "expiresAt", "cancelAsked"]},
        ],
        {"_id": 1},
    )
    return row is not None


async def cancel(db: Database, job_id: ObjectId, at: datetime) -> JobState | None:
    """Cancel a job that waits, and ask one that runs to stop; gives what it was, None for one that ended.

    One that comes again by itself cannot be cancelled while it waits: it would never come again.
    """
    rows = db[JOBS]
    waits = {"_id": job_id, "state": JobState.queued, "cron": {"$exists": False}}
    ended = {"state": JobState.cancelled, "endedAt": at, "expiresAt": at + KEEP_ENDED}
    if await rows.update_one(waits, {"$set": ended}):
        return JobState.queued
    if await rows.update_one({"_id": job_id, "state": JobState.running}, {"$set": {"cancelAsked": True}}):
        return JobState.running
    return None


async def scheduled(db: Database) -> list[Document]:
    """List the unended jobs that come again by themselves."""
    found = db[JOBS].find(
        {
            "state": {"$in": UNENDED},
            "dueAt": {"$lte": _NEVER},
            "cron.fireAt": {"$lte": _NEVER},
            **dict.fromkeys(("name", "cron.zone", "cron.expression"), _A_WORD),
        },
        {**dict.fromkeys(("name", "state", "attempt", "dueAt"), 1), **_FIRE},
        limit=_SCHEDULES,
    )
    return [row async for row in found]


async def unschedule(db: Database, job_id: ObjectId) -> None:
    """Take away a job that came by itself, and was not begun."""
    await db[JOBS].delete_many({"_id": job_id, "state": JobState.queued, "attempt": 0})


async def move_zone(db: Database, job_id: ObjectId, zone: str) -> None:
    """Say by which clocks the fire after this one comes."""
    await db[JOBS].update_one({"_id": job_id}, {"$set": {"cron.zone": zone}})


async def _change_mine(
    db: Database, claimed: Claim, update: Mapping[str, Any], shown: Mapping[str, Any] = _ID
) -> Document:
    """Change the row of a job while it is this worker's, and give some of it; raises `LeaseLost`."""
    mine = {"_id": claimed.id, "lease": claimed.lease, "state": JobState.running}
    row = await db[JOBS].find_one_and_update(mine, update, shown)
    if row is None:
        raise LeaseLost
    return row
