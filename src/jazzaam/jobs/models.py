"""A job: one run of a registered function, as a row of the database it works on."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from bson import ObjectId

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

KEEP_FINISHED: Final = timedelta(days=7)

JOBS: Final = CollectionSpec(
    "jobs",
    indexes=(
        IndexSpec("what is due, and whose lease has run out", (("state", 1), ("dueAt", 1))),
        IndexSpec("forgets finished jobs", (("finishedAt", 1),), expire_after=KEEP_FINISHED),
    ),
    validator={
        "$jsonSchema": {
            "required": ["name", "args", "state", "dueAt", "attempt"],
            "properties": {
                "name": {"bsonType": "string"},
                "args": {"bsonType": "object"},
                "state": {"enum": ["queued", "running", "done", "dead"]},
                "dueAt": {"bsonType": "date"},
                "attempt": {"bsonType": ["int", "long"], "minimum": 0},
            },
        }
    },
    transient=True,
)


class JobState(StrEnum):
    """Queued (maybe for later), running under a lease, done, or dead: given up, kept to be looked at."""

    queued = "queued"
    running = "running"
    done = "done"
    dead = "dead"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker may run until its lease ends; `lease` proves it."""

    id: ObjectId
    name: str
    args: dict[str, Any]
    attempt: int
    lease: ObjectId


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job's row is: a tenant's database, or the shared one when `tenant_id` is None."""

    tenant_id: str | None
    job_id: ObjectId
