"""Notice the jobs of one cluster: what is added, what comes due, what was overlooked.

A change stream tells of rows as they are written, clocks of those that are due later or whose lease runs
out, and a slow sweep looks at every database, since streams break and clocks get lost. What a row says is
its tenant's word, who may be a stranger's: it moves nobody's turn but its own, and for a bounded time.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import OperationFailure, PyMongoError

from jazzaam.clock import Clock
from jazzaam.jobs import outbox
from jazzaam.jobs.clocks import Clocks, Seat
from jazzaam.jobs.fairness import WINDOW, Backlog, Owner
from jazzaam.jobs.models import JOBS, Due, JobState, Place
from jazzaam.jobs.outbox import CLOCKS_DIFFER, Database
from jazzaam.logging import get_logger
from jazzaam.tasks import run_until
from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.errors import ClusterSilent, TenantNotFound
from jazzaam.tenancy.models import TenantStatus
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.tenancy.users import RELAY
from jazzaam.tenancy.watching import Change, Queues, queues

log = get_logger(__name__)

_LOOKERS: Final = 4
_REMEMBERED: Final = 20_000
_LONGEST_LEASE: Final = timedelta(seconds=70)
_LOOK_LASTS: Final = timedelta(seconds=10)
_LATEST_LOOK: Final = timedelta(hours=6)
"""When a database is looked at whose next job is due later than that."""
_LONGEST_PAUSE: Final = timedelta(minutes=1)


class SeatLost(Exception):
    """Another process relays this cluster's jobs now."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a relay waits: settings that tests set low.

    `sweep_every`: between two looks at every database. `write_every`: between two notes of how far it is.
    `seat`: how long the seat of a relay that ended stays taken. `again`: before what failed is tried again.
    `unheard`: how long a job that was handed over may go unheard of before it is handed over once more.
    """

    sweep_every: timedelta = timedelta(minutes=30)
    write_every: timedelta = timedelta(seconds=1)
    seat: timedelta = timedelta(seconds=10)
    again: timedelta = timedelta(seconds=1)
    unheard: timedelta = timedelta(seconds=30)


class Lookout:
    """Watches one cluster, as long as this process has the seat; tells `backlog`, and `wake`s who takes."""

    def __init__(
        self,
        cluster: str,
        *,
        tenancy: Tenancy,
        clusters: Clusters,
        system: Callable[[], SystemDatabase],
        backlog: Backlog,
        wake: asyncio.Event,
        seat: Seat,
        clock: Clock,
        waits: Waits,
    ) -> None:
        self._cluster = cluster
        self._tenancy = tenancy
        self._clusters = clusters
        self._system = system
        self._backlog = backlog
        self._wake = wake
        self._seat = seat
        self._clock = clock
        self._waits = waits
        self._clocks = Clocks(system, cluster)
        self._to_look: dict[str | None, None] = {}
        self._looked_at: set[str | None] = set()
        self._crowded: set[str | None] = set()
        self._closed: set[str | None] = set()
        self._met: set[str | None] = set()
        self._ended: OrderedDict[tuple[str | None, ObjectId], datetime] = OrderedDict()
        self._failures: dict[str | None, int] = {}
        self._owners: dict[str, Owner | None] = {}
        self._looking = asyncio.Event()
        self._ticking = asyncio.Event()
        self._sweeping = asyncio.Event()
        self._swept_at: datetime | None = None
        self._sweep_owed = False
        self._stream: Queues | None = None
        self._heard: Any | None = None

    async def run(self) -> None:
        """Watch until cancelled. Raises `SeatLost`, and what makes watching impossible."""
        await self._clocks.load()
        self._heard, self._swept_at = await self._seat.progress()
        parts = [self._follow(), self._tick(), self._sweep(), self._write()]
        parts += [self._look_around() for _ in range(_LOOKERS)]
        await run_until(asyncio.Event(), parts)

    async def write_down(self) -> None:
        """Write down when to look where, then how far changes were heard; keeps the seat.

        While a sweep is owed nothing counts as heard. Raises `SeatLost`.
        """
        heard = self._heard if self._stream is None else self._stream.token
        token, now = None if self._sweep_owed else heard, self._clock.now()
        waiting = {tenant for cluster, tenant in self._backlog.owners if cluster == self._cluster}
        to_look = self._to_look.keys() | self._looked_at | self._closed
        await self._clocks.write(waiting | to_look, now)
        if not await self._seat.keep(token, self._swept_at, now):
            raise SeatLost

    def look_at(self, tenant_id: str | None) -> None:
        """Have a database looked at soon."""
        self._to_look[tenant_id] = None
        self._looking.set()

    def look_everywhere(self) -> None:
        """Have every database looked at soon."""
        self._sweep_owed = True
        self._sweeping.set()

    def look_later(self, tenant_id: str | None) -> None:
        """Have a database looked at again that could not be read, after pauses that double."""
        self._failures[tenant_id] = failures = min(self._failures.get(tenant_id, 0) + 1, 10)
        self._note(tenant_id, self._clock.now() + min(_LONGEST_PAUSE, self._waits.again * 2**failures))

    async def _follow(self) -> None:
        """Hear of rows; where a stream cannot go on, hear from now on and look everywhere."""
        while True:
            try:
                async with queues(
                    self._clusters, self._cluster, JOBS.name, list(JobState), self._heard
                ) as self._stream:
                    log.info("relay.hears", cluster=self._cluster)
                    if self._heard is None:  # and from here on nothing escapes
                        self.look_everywhere()
                    async with aclosing(self._stream.changes()) as changes:
                        async for change in changes:
                            self._take(change)
            except Exception as error:  # noqa: BLE001 - whatever it was, the sweep covers the gap
                log.warning("relay.stream_broken", cluster=self._cluster, error=type(error).__name__)
                if isinstance(error, OperationFailure):
                    self._heard = None
                    self.look_everywhere()
                elif self._stream is not None:
                    self._heard = self._stream.token
                self._stream = None
            await asyncio.sleep(self._waits.again.total_seconds())

    def _take(self, change: Change) -> None:
        """Note what changed; databases that are not ours are nobody's business."""
        owner = self._owner(change.database)
        if owner is None:
            return
        now, (_, tenant_id) = self._clock.now(), owner
        due_at = change.due_at or now
        if change.added:
            if change.state == JobState.queued and due_at <= now:
                # a crowded one is looked at when those that are known are done
                if tenant_id not in self._crowded:
                    self._add(Place(self._cluster, tenant_id, change.id, 0))
            else:
                self._note(tenant_id, due_at)
        elif change.state in (None, JobState.running):
            self._goes_on(owner, change.id, due_at, now)
        else:
            self._remember_end(tenant_id, change.id, now)
            if self._backlog.ended(owner, change.id):
                self._more(tenant_id)
            if change.state == JobState.queued:
                self._note(tenant_id, due_at)
            self._wake.set()

    def _remember_end(self, tenant_id: str | None, job_id: ObjectId, now: datetime) -> None:
        """Remember for some seconds that a job ended: a look that began before does not know it."""
        self._ended[tenant_id, job_id] = now
        while next(iter(self._ended.values())) < now - _LOOK_LASTS:
            self._ended.popitem(last=False)

    def _owner(self, database: str) -> Owner | None:
        """Say whose database it is; remembered, since a stream asks at every change."""
        if database not in self._owners:
            if len(self._owners) > _REMEMBERED:
                self._owners.clear()
            self._owners[database] = self._owner_of(database)
        return self._owners[database]

    def _owner_of(self, database: str) -> Owner | None:
        naming = self._tenancy.naming
        if database == naming.system and self._cluster == self._clusters.names[0]:
            return self._cluster, None
        if not database.startswith(naming.prefix):
            return None
        try:
            return self._cluster, naming.parse(database.removeprefix(naming.prefix))
        except TenantNotFound:
            return None

    def _add(self, place: Place) -> None:
        if self._backlog.add(place, self._clock.now().timestamp()):
            self._wake.set()
        else:
            self._crowded.add(place.tenant_id)

    def _goes_on(self, owner: Owner, job_id: ObjectId, due_at: datetime, now: datetime) -> None:
        """Note that a worker has a job until its lease ends, and look again when it has."""
        until = min(due_at, now + _LONGEST_LEASE) + CLOCKS_DIFFER
        self._backlog.goes_on(owner, job_id, until.timestamp())
        self._note(owner[1], until)

    def _more(self, tenant_id: str | None) -> None:
        """Look again at a tenant that had more jobs than are remembered, when those are done."""
        if tenant_id in self._crowded:
            self._crowded.discard(tenant_id)
            self.look_at(tenant_id)

    def _note(self, tenant_id: str | None, due_at: datetime) -> None:
        before = self._clocks.next_at
        due_at = min(due_at, self._clock.now() + _LATEST_LOOK)
        self._clocks.note(tenant_id, due_at)
        if before is None or due_at < before:
            self._ticking.set()

    async def _tick(self) -> None:
        """Have looked at what comes due."""
        while True:
            self._ticking.clear()
            now = self._clock.now()
            for tenant_id in self._clocks.due(now):
                self.look_at(tenant_id)
            next_at = self._clocks.next_at
            wait = _LATEST_LOOK if next_at is None else next_at - now
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait.total_seconds()):
                    await self._ticking.wait()

    async def _look_around(self) -> None:
        """Look at what is to be looked at, first come first served; several do it side by side."""
        while True:
            for tenant_id in self._to_look:
                if tenant_id not in self._looked_at:  # else it waits for the look that goes on
                    break
            else:
                self._looking.clear()
                await self._looking.wait()
                continue
            del self._to_look[tenant_id]
            await self._look_safely(tenant_id)
            self._looking.set()

    async def _look_safely(self, tenant_id: str | None) -> None:
        """Look at a database; cut off, it is still to be looked at."""
        self._looked_at.add(tenant_id)
        try:
            await self._look(tenant_id)
        except Exception as error:  # noqa: BLE001 - one tenant's trouble is not another's
            log.warning("relay.not_looked", tenant=tenant_id, error=type(error).__name__)
            self.look_later(tenant_id)
        except BaseException:
            self._to_look[tenant_id] = None
            raise
        else:
            self._failures.pop(tenant_id, None)
        finally:
            self._looked_at.discard(tenant_id)

    async def _look(self, tenant_id: str | None) -> None:
        """Take what is due in a database, and note when to look again; a closed one is not looked at."""
        limit = self._backlog.room.total + WINDOW
        if tenant_id is None:
            await self._take_from(None, self._system(), limit)
        else:
            tenant = await self._tenancy.catalog.find(self._tenancy.naming.parse(tenant_id))
            if tenant is None or tenant.cluster != self._cluster:
                self._closed.discard(tenant_id)
                return
            if tenant.status is not TenantStatus.active:
                self._closed.add(tenant_id)
                return
            self._closed.discard(tenant_id)
            with (
                self._clusters.asking(self._cluster),
                await self._tenancy.administer(tenant, RELAY) as db,
            ):
                await self._take_from(tenant_id, db, limit)

    async def _take_from(self, tenant_id: str | None, db: Database, limit: int) -> None:
        """Take what is due; at the first look since this process has the seat, learn what runs already."""
        rows = await outbox.next_due(db, limit)
        if tenant_id not in self._met:
            self._take_running(tenant_id, await outbox.running(db, limit) if len(rows) == limit else rows)
            self._met.add(tenant_id)
        now = self._clock.now()
        for row in rows:
            due_at = row.due_at + CLOCKS_DIFFER if row.running else row.due_at
            if due_at > now:
                self._note(tenant_id, due_at)
            else:
                self._add(Place(self._cluster, tenant_id, row.job_id, row.attempt))
        if len(rows) == limit:
            self._crowded.add(tenant_id)

    def _take_running(self, tenant_id: str | None, rows: list[Due]) -> None:
        now = self._clock.now()
        for row in rows:
            if row.running and row.due_at > now and (tenant_id, row.job_id) not in self._ended:
                self._goes_on((self._cluster, tenant_id), row.job_id, row.due_at, now)

    async def _sweep(self) -> None:
        """Look at every database, slowly, when that is due or owed; what fails is done again."""
        while True:
            if not self._sweep_owed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until_sweep().total_seconds()):
                        await self._sweeping.wait()
            self._sweeping.clear()
            began, self._sweep_owed = self._clock.now(), True
            try:
                await self._look_at_all()
            except Exception as error:  # noqa: BLE001 - it is still owed
                log.warning("relay.sweep_failed", cluster=self._cluster, error=type(error).__name__)
                await asyncio.sleep(self._waits.again.total_seconds())
            else:
                self._swept_at, self._sweep_owed = began, self._sweeping.is_set()

    def _until_sweep(self) -> timedelta:
        if self._swept_at is None:
            return self._waits.sweep_every
        return max(timedelta(), self._swept_at + self._waits.sweep_every - self._clock.now())

    async def _look_at_all(self) -> None:
        if self._cluster == self._clusters.names[0]:
            await self._look_safely(None)
        for tenant in await self._tenancy.catalog.tenants(matching={"cluster": self._cluster}):
            await self._look_safely(tenant.id)
            if self._cluster in self._clusters.silent:
                raise ClusterSilent(f"The cluster {self._cluster!r} does not answer.")

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(self._waits.write_every.total_seconds())
            try:
                await self.write_down()
            except PyMongoError as error:
                log.warning("relay.not_written", cluster=self._cluster, error=type(error).__name__)
