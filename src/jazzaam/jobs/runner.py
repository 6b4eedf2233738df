"""Run one job: open the database its row is in, claim it there, do it, say so."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from jazzaam.clock import Clock
from jazzaam.jobs import outbox
from jazzaam.jobs.computing import Computing
from jazzaam.jobs.counts import JobCounts
from jazzaam.jobs.crons import Crons
from jazzaam.jobs.letters import Pointless, Reason
from jazzaam.jobs.models import Claim, JobState, Place
from jazzaam.jobs.outbox import Database, LeaseLost
from jazzaam.jobs.registry import KEEP_ENDED, Job, NewerVersion, Registry
from jazzaam.jobs.retry import pause_after
from jazzaam.jobs.run import JobCancelled, JobContext, Run
from jazzaam.logging import get_logger
from jazzaam.tasks import ended_by
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.errors import TenantNotFound, TenantNotReady, TenantSuspended

log = get_logger(__name__)

_PUT_BACK_SECONDS = 2.0


_HOPELESS = ("BadArguments", "WrongPlace")
_RELEASE_LASTS = timedelta(days=3)
_NEWEST_LASTS = timedelta(hours=1)
_RELEASE_PAUSE = timedelta(seconds=60)


async def _never() -> bool:
    return False


class WrongPlace(Exception):
    """A company's job in the control plane's database, or the other way round: somebody wrote it there."""


class TenantClosed(Exception):
    """The tenant was closed while its job ran: the job waits with it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a job is a worker's: `lasts`, and it is renewed every `beat` while the job runs.

    It must be longer than a change may take: one that commits after its lease ended is undone.
    """

    lasts: timedelta = timedelta(seconds=30)
    beat: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs jobs of a registry.

    `open_context` opens the database a place names; it gives the job's first argument. `ended` hears of
    each job that has reached its end and that somebody asked for; one that comes by itself is nobody's.
    `is_newest` tells whether no later release was here: then nobody else knows what this one does not.
    """

    registry: Registry
    open_context: Callable[[Place], Awaitable[JobContext]]
    clock: Clock
    lease: Lease = field(default_factory=Lease)
    computing: Computing = field(default_factory=Computing)
    ended: Callable[[JobContext], None] = lambda _: None
    is_newest: Callable[[], Awaitable[bool]] = _never
    counts: JobCounts = field(default_factory=JobCounts)

    async def run(self, place: Place) -> None:
        """Run the job at `place`, if that attempt of it is due and not taken. Its failure is its row's.

        Raises `Pointless` when there is no such thing to do, and what kept it from being claimed.
        """
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(tenant=place.tenant_id or "system", job_id=str(place.job_id))
        try:
            context = await self.open_context(place)
        except TenantNotFound:
            raise Pointless(Reason.no_company) from None
        except (TenantSuspended, TenantNotReady):
            return  # the row waits with its tenant
        try:
            if isinstance(context.db, TenantDatabase) and context.db.tenant.cluster != place.cluster:
                raise Pointless(Reason.elsewhere)
            await self._run_in(context, place)
        finally:
            context.db.release()

    async def _run_in(self, context: JobContext, place: Place) -> None:
        now = self.clock.now()
        claimed = await outbox.claim(context.db, place.job_id, place.attempt, now, self.lease.lasts)
        if claimed is None:
            await self._require_sense(context.db, place)
            return
        try:
            ended = await _OneRun(self, context, place, claimed).end()
        except LeaseLost:
            log.warning("job.lease_lost", attempt=claimed.attempt)
        except TenantClosed:
            await self._put_back(context.db, claimed)
        except asyncio.CancelledError:
            await self._put_back(context.db, claimed)
            raise
        else:
            if ended and not claimed.is_cron:
                self.ended(context)

    async def _require_sense(self, db: Database, place: Place) -> None:
        """Accept that a job is taken, or not due any more; raise `Pointless` for what cannot be meant."""
        found = await outbox.attempt_of(db, place.job_id)
        if found is None:
            raise Pointless(Reason.no_job)
        state, attempt = found
        if state not in (JobState.queued, JobState.running) or attempt > place.attempt + 1:
            raise Pointless(Reason.replayed)

    async def _put_back(self, db: Database, claimed: Claim) -> None:
        """Let another worker have the job: this one must stop. It costs the job no try."""
        known = self.registry.find(claimed.name)
        log.info("job.put_back", job=known and known.name, attempt=claimed.attempt)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_PUT_BACK_SECONDS):
                await outbox.give_back(db, claimed, self.clock.now())


class _OneRun:
    """One job that was claimed."""

    def __init__(self, runner: Runner, context: JobContext, place: Place, claimed: Claim) -> None:
        self._runner = runner
        self._context = context
        self._db = context.db
        self._place = place
        self._claimed = claimed
        self._known = runner.registry.find(claimed.name)
        self._crons = Crons(runner.registry)

    async def end(self) -> bool:
        """Run it; tells whether it has reached its end. Raises `LeaseLost`, `TenantClosed`."""
        claimed, known = self._claimed, self._known
        if claimed.cancel_asked:
            await self._settle(JobState.cancelled)
            return True
        if known is None:
            return await self._not_ours("UnknownJob")
        if claimed.tries > known.retry.attempts:  # its workers ended before they could say so
            log.error("job.dead", job=known.name, attempt=claimed.attempt, error="TooManyAttempts")
            await self._settle(JobState.dead, lastError="TooManyAttempts")
            return True
        try:
            await self._run(known)
        except (LeaseLost, TenantClosed):
            raise
        except JobCancelled:
            log.info("job.cancelled", job=known.name, attempt=claimed.attempt)
            await self._settle(JobState.cancelled)
        except NewerVersion:
            return await self._not_ours("NewerVersion")
        except Exception as error:  # noqa: BLE001 - a job's failure is its row's
            return await self._failed(known, type(error).__name__)
        else:
            tell = log.debug if claimed.is_cron else log.info  # what comes every few seconds is no news
            tell("job.done", job=known.name, attempt=claimed.attempt)
        return True

    async def _run(self, known: Job) -> None:
        claimed = self._claimed
        if not isinstance(self._context, known.context):
            raise WrongPlace
        message = known.message(claimed.args, claimed.version)
        run = Run(
            claimed.id,
            claimed.attempt,
            self._context,
            self._note,
            done=claimed.done,
            total=claimed.total,
            computing=self._runner.computing if known.process_pool else None,
        )
        told = {"run": run} if known.takes_run else {}
        if known.atomic:

            async def work() -> None:
                result = await known.run(self._context, message, **told)
                await self._settle_here(JobState.done, self._runner.clock.now(), result=result)

            await self._context.change(work)
            return
        async with ended_by(self._keep(run)), asyncio.timeout(known.longest.total_seconds()):
            result = await known.run(self._context, message, **told)
        await self._settle(JobState.done, result=result, done=run.done, total=run.total)

    async def _note(self, done: int, total: int | None) -> None:
        until = self._runner.clock.now() + self._runner.lease.lasts
        await outbox.note(self._db, self._claimed, until, done, total)

    async def _failed(self, known: Job, error: str) -> bool:
        claimed, now = self._claimed, self._runner.clock.now()
        pause = pause_after(known.retry, claimed.tries, random.random)
        if pause is None or error in _HOPELESS:
            log.error("job.dead", job=known.name, attempt=claimed.attempt, error=error)
            await self._settle(JobState.dead, lastError=error)
            return True
        self._runner.counts.outcomes[known.name, "failed"] += 1
        again = round(pause.total_seconds(), 1)
        log.warning(
            "job.failed", job=known.name, attempt=claimed.attempt, error=error, again_in_seconds=again
        )
        await outbox.try_again(self._db, claimed, error, now + pause)
        return False

    async def _not_ours(self, error: str) -> bool:
        """Leave a job to a worker of the release that wrote it; give it up when none came.

        After an hour where this release is the newest one, else after three days: by what the row says of
        its age, and by how often it was handed over, since a row may say anything.
        """
        claimed, now = self._claimed, self._runner.clock.now()
        log.warning("job.of_another_release", attempt=claimed.attempt, error=error)
        lasts = _NEWEST_LASTS if await self._runner.is_newest() else _RELEASE_LASTS
        if now - claimed.created_at > lasts or claimed.attempt * _RELEASE_PAUSE > lasts:
            log.error("job.dead", attempt=claimed.attempt, error=error)
            await self._settle(JobState.dead, lastError=error)
            return True
        await outbox.give_back(self._db, claimed, now + _RELEASE_PAUSE, error)
        return False

    async def _settle(self, state: JobState, **said: object) -> None:
        """End it; what comes again by itself is written for its next time, or neither happens."""
        now = self._runner.clock.now()
        if self._claimed.is_cron:
            await self._context.change(partial(self._settle_here, state, now, **said))
        else:
            await self._settle_here(state, now, **said)

    async def _settle_here(self, state: JobState, now: datetime, **said: object) -> None:
        claimed, db, known = self._claimed, self._db, self._known
        self._runner.counts.outcomes[known.name if known else "unknown", str(state)] += 1
        keep = known.keep if known else KEEP_ENDED
        told = {name: value for name, value in said.items() if value is not None}
        cron = await outbox.settle(db, claimed, state, now, keep=keep, **told)
        if cron is None or known is None or not isinstance(self._context, known.context):
            return
        following = self._crons.following(db, claimed.name, cron, now)
        if following:
            await outbox.enqueue_once(db, following)

    async def _keep(self, run: Run) -> None:
        """Renew the lease and write progress, without end. Raises `LeaseLost`, `TenantClosed`."""
        lease, clock = self._runner.lease, self._runner.clock
        renewed_at, written = clock.now(), (run.done, run.total)
        while True:
            await asyncio.sleep(lease.beat.total_seconds())
            now, progress = clock.now(), (run.done, run.total)
            if now >= renewed_at + lease.lasts:
                raise LeaseLost
            if progress == written and now < renewed_at + lease.lasts / 3:
                continue
            try:
                async with asyncio.timeout(lease.lasts.total_seconds() / 3):
                    run.cancel_asked = await self._renew(now + lease.lasts, *progress)
            except LeaseLost:
                raise
            except (TenantSuspended, TenantNotFound):
                raise TenantClosed from None
            except Exception as error:  # noqa: BLE001 - there is time to try again
                log.warning("job.not_renewed", error=type(error).__name__)
            else:
                renewed_at, written = now, progress

    async def _renew(self, until: datetime, done: int, total: int | None) -> bool:
        """Renew through a handle of its own: the job's may be in a change, and its tenant closed by now."""
        context = await self._runner.open_context(self._place)
        try:
            return await outbox.renew(context.db, self._claimed, until, done, total)
        finally:
            context.db.release()
