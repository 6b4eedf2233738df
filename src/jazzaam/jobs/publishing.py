"""A unit of work whose events become jobs."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from bson import ObjectId

from jazzaam.clock import Clock
from jazzaam.jobs.outbox import enqueue, row_of
from jazzaam.jobs.registry import Job, Message, Registry
from jazzaam.tenancy.change import change
from jazzaam.tenancy.database import Document, SystemDatabase, TenantDatabase

AnyDatabase = TypeVar("AnyDatabase", TenantDatabase, SystemDatabase)
AnyMessage = TypeVar("AnyMessage", bound=Message)
Result = TypeVar("Result")


class PublishedOutsideChange(Exception):
    """An event was told, or a job asked for, outside a change, where nothing could make it durable."""


class Publishing(Generic[AnyDatabase, AnyMessage]):
    """One database, and changes on it that tell events and ask for jobs."""

    def __init__(self, db: AnyDatabase, registry: Registry, clock: Clock) -> None:
        self.db = db
        self.clock = clock
        self._registry = registry
        self._told: list[AnyMessage] | None = None
        self._asked: list[Document] = []

    def publish(self, event: AnyMessage) -> None:
        """Tell an event; the jobs that answer it are written with the running change.

        Raises `PublishedOutsideChange`.
        """
        if self._told is None:
            raise PublishedOutsideChange(type(event).__name__)
        self._told.append(event)

    def enqueue(self, job: Job, message: Message, *, due_at: datetime | None = None) -> ObjectId:
        """Ask for one job, now or later; it is written with the running change. Gives its id.

        Raises `PublishedOutsideChange`, and `ValueError` for what the job does not answer.
        """
        if self._told is None:
            raise PublishedOutsideChange(job.name)
        if type(message) is not job.answers or self._registry.find(job.name) is not job:
            raise ValueError(f"{job.name} does not answer {type(message).__name__}, or is in no feature")
        now = self.clock.now()
        row = row_of(job, message, now, due_at or now)
        self._asked.append(row)
        job_id: ObjectId = row["_id"]
        return job_id

    async def change(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work` in one transaction, with what its events ask for; see `tenancy.change`."""

        async def whole() -> Result:
            self._told, self._asked = [], []
            try:
                result = await work()
                await self._write_last(self._told, self._rows(self._told))
            finally:
                self._told = None
            return result

        return await change(self.db, whole)

    async def _write_last(self, _events: Sequence[AnyMessage], jobs: Sequence[Document]) -> None:
        """Write what follows from the work; the last thing in its transaction."""
        await enqueue(self.db, jobs)

    def _rows(self, events: Sequence[AnyMessage]) -> list[Document]:
        """Make a row for each job that answers one of the events, beside those that were asked for."""
        now = self.clock.now()
        answers = [
            row_of(answer, event, now, now)
            for event in events
            for answer in self._registry.answering(event)
        ]
        return [*answers, *self._asked]
