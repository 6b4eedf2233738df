"""Run one job: open the database its row is in, claim it there, do it, say so."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol, TypeVar

from jazzaam.clock import Clock
from jazzaam.jobs import outbox
from jazzaam.jobs.models import Claim, Place
from jazzaam.jobs.outbox import Database, LeaseLost
from jazzaam.jobs.registry import Job, Registry
from jazzaam.jobs.retry import pause_after
from jazzaam.logging import get_logger
from jazzaam.tenancy.errors import TenantNotFound, TenantNotReady, TenantSuspended

log = get_logger(__name__)
Result = TypeVar("Result")


class JobContext(Protocol):
    """What a job gets as its first argument: a workspace, or the control plane."""

    @property
    def db(self) -> Database:
        """The database the job's row was found in."""
        ...

    async def change(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run a unit of work."""
        ...


class Runner:
    """Runs jobs of a registry.

    `open_context` opens the database a place names; it gives the job's first argument. A job's lease
    is `lease_for`: it must be longer than the job takes, since another worker may take it over then.
    `ended` hears of each job that is done or dead.
    """

    def __init__(
        self,
        registry: Registry,
        open_context: Callable[[Place], Awaitable[JobContext]],
        clock: Clock,
        *,
        lease_for: timedelta = timedelta(seconds=60),
        ended: Callable[[JobContext], None] = lambda _: None,
    ) -> None:
        self._registry = registry
        self._open_context = open_context
        self._clock = clock
        self._lease_for = lease_for
        self._ended = ended

    async def run(self, place: Place) -> None:
        """Run the job at `place`, if it is there, due and not taken. Its failure is its row's."""
        try:
            context = await self._open_context(place)
        except (TenantNotFound, TenantSuspended, TenantNotReady):
            return  # the row waits with its tenant, or is gone with it
        try:
            if await self._run_in(context, place):
                self._ended(context)
        finally:
            context.db.release()

    async def _run_in(self, context: JobContext, place: Place) -> bool:
        """Claim the job and run it; tells whether it has reached its end."""
        claimed = await outbox.claim(context.db, place.job_id, self._clock.now(), self._lease_for)
        if claimed is None:
            return False
        known = self._registry.find(claimed.name)
        try:
            if known is None:
                await outbox.give_up(context.db, claimed, "UnknownJob", self._clock.now())
                return True
            if claimed.attempt > known.retry.attempts:  # its workers ended before they could say so
                await outbox.give_up(context.db, claimed, "TooManyAttempts", self._clock.now())
                return True
            return await self._run(context, known, claimed)
        except LeaseLost:
            log.warning("job.lease_lost", job=claimed.name, job_id=str(claimed.id))
            return False

    async def _run(self, context: JobContext, known: Job, claimed: Claim) -> bool:
        try:
            event = known.answers(**claimed.args)
            if known.atomic:

                async def work() -> None:
                    await known.run(context, event)
                    await outbox.finish(context.db, claimed, self._clock.now())

                await context.change(work)
            else:
                await known.run(context, event)
                await outbox.finish(context.db, claimed, self._clock.now())
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - a job's failure is its row's
            return await self._failed(context, known, claimed, error)
        log.info("job.done", job=known.name, job_id=str(claimed.id), attempt=claimed.attempt)
        return True

    async def _failed(self, context: JobContext, known: Job, claimed: Claim, error: Exception) -> bool:
        now, name = self._clock.now(), type(error).__name__
        pause = pause_after(known.retry, claimed.attempt, random.random)
        log.warning(
            "job.failed",
            job=known.name,
            job_id=str(claimed.id),
            attempt=claimed.attempt,
            error=name,
        )
        if pause is None:
            await outbox.give_up(context.db, claimed, name, now)
            return True
        await outbox.try_again(context.db, claimed, name, now + pause)
        return False
