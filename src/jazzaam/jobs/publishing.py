"""A unit of work whose events become jobs."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from jazzaam.clock import Clock
from jazzaam.jobs.outbox import enqueue
from jazzaam.jobs.registry import Message, Registry
from jazzaam.tenancy.change import change
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase

AnyDatabase = TypeVar("AnyDatabase", TenantDatabase, SystemDatabase)
AnyMessage = TypeVar("AnyMessage", bound=Message)
Result = TypeVar("Result")


class PublishedOutsideChange(Exception):
    """An event was told outside a change, where nothing could make it durable."""


class Publishing(Generic[AnyDatabase, AnyMessage]):
    """One database, and changes on it that tell events."""

    def __init__(self, db: AnyDatabase, registry: Registry, clock: Clock) -> None:
        self.db = db
        self.clock = clock
        self._registry = registry
        self._told: list[AnyMessage] | None = None

    def publish(self, event: AnyMessage) -> None:
        """Tell an event; the jobs that answer it are written with the running change.

        Raises `PublishedOutsideChange`.
        """
        if self._told is None:
            raise PublishedOutsideChange(type(event).__name__)
        self._told.append(event)

    async def change(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work` in one transaction, with what its events ask for; see `tenancy.change`."""

        async def whole() -> Result:
            self._told = []
            try:
                result = await work()
                await self._write_last(self._told, result)
            finally:
                self._told = None
            return result

        return await change(self.db, whole)

    async def _write_last(self, events: Sequence[AnyMessage], _result: object) -> None:
        """Write what follows from the work; the last thing in its transaction."""
        await enqueue(self.db, self._registry, events, self.clock.now())
