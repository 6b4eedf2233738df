"""A job: one run of a registered function, as a row of the database it works on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from bson import ObjectId

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

KEEP_DEAD: Final = timedelta(days=90)
"""How long a dead letter is kept for somebody to look at."""


class JobState(StrEnum):
    """Queued (maybe for later), running under a lease, or ended: done, dead (given up), cancelled."""

    queued = "queued"
    running = "running"
    done = "done"
    dead = "dead"
    cancelled = "cancelled"


UNENDED: Final = (JobState.queued, JobState.running)

JOBS: Final = CollectionSpec(
    "jobs",
    indexes=(
        IndexSpec("what is due, and whose lease has run out", (("state", 1), ("dueAt", 1))),
        IndexSpec("forgets ended jobs", (("expiresAt", 1),), expire_after=timedelta()),
    ),
    validator={
        "$jsonSchema": {
            "required": ["name", "args", "state", "dueAt", "attempt"],
            "properties": {
                "_id": {"bsonType": "objectId"},
                "name": {"bsonType": "string"},
                "args": {"bsonType": "object"},
                "state": {"enum": [str(state) for state in JobState]},
                "dueAt": {"bsonType": "date"},
                "attempt": {"bsonType": ["int", "long"], "minimum": 0},
            },
        }
    },
    transient=True,
)
"""{name, args, v, state, dueAt, attempt, lease, createdAt, endedAt, expiresAt, done, total, result, …}.

`dueAt` is when it may be claimed: while it runs, when its lease ends. `attempt` counts its claims and never
falls; `triedFrom` is what it was when somebody had it tried again. `cron` is {fireAt, zone, expression}.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker may run until its lease ends; `lease` proves it.

    `tries` counts its attempts since it was queued by a person or a change; `done` is how far they got.
    """

    id: ObjectId
    name: str
    args: dict[str, Any]
    version: int
    attempt: int
    tries: int
    lease: ObjectId
    is_cron: bool
    done: int
    total: int | None
    cancel_asked: bool
    created_at: datetime


class Place(NamedTuple):
    """Where a job's row is, and which of its attempts is meant: its number of claims so far.

    A tenant's database, or the shared one when `tenant_id` is None.
    """

    cluster: str
    tenant_id: str | None
    job_id: ObjectId
    attempt: int


class Due(NamedTuple):
    """A row that may be claimed, or may be later."""

    job_id: ObjectId
    attempt: int
    due_at: datetime
    running: bool
