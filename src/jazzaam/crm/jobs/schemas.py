"""What the job route answers with."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from jazzaam.web.input import Output


class JobStatus(StrEnum):
    """Where a job is: `queued` also while it waits for its next try."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class JobStatement(Output):
    """A job: `done` of `total` things, where it counts them; `error` names what it failed with last."""

    id: str
    name: str
    status: JobStatus
    done: int | None
    total: int | None
    result: Any
    error: str | None
    created_at: datetime | None
    ended_at: datetime | None
