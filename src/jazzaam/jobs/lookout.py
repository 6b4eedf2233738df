"""Notice the jobs of one cluster: what is added, what comes due, what was overlooked.

A change stream tells of rows as they are written, clocks of those that are due later or whose lease runs
out, and a slow sweep looks at every database, since streams break and clocks get lost.
"""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError

from jazzaam.clock import Clock
from jazzaam.jobs import outbox
from jazzaam.jobs.clocks import Clocks, Seat
from jazzaam.jobs.fairness import WINDOW, Backlog, Owner
from jazzaam.jobs.models import JOBS, JobState, Place
from jazzaam.logging import get_logger
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.errors import ClusterAway, TenantNotFound
from jazzaam.tenancy.models import TenantStatus
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.tenancy.users import RELAY
from jazzaam.tenancy.watching import Change, Queues, queues

log = get_logger(__name__)

_LOOKERS: Final = 4
_REMEMBERED: Final = 20_000
_LONGEST_WAIT: Final = 3600.0


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
        self._owners: dict[str, Owner | None] = {}
        self._looking = asyncio.Event()
        self._ticking = asyncio.Event()
        self._sweeping = asyncio.Event()
        self._stream: Queues | None = None
        self._heard: Any | None = None

    async def run(self) -> None:
        """Watch until cancelled. Raises `SeatLost`, and what makes watching impossible."""
        await self._clocks.load()
        parts = [self._follow(), self._tick(), self._sweep(), self._write()]
        parts += [self._look_around() for _ in range(_LOOKERS)]
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await end_tasks(tasks)

    async def write_down(self) -> None:
        """Write down when to look where, then how far changes were heard; keeps the seat.

        Raises `SeatLost`.
        """
        token, now = self._token, self._clock.now()
        waiting = {tenant for cluster, tenant in self._backlog.owners if cluster == self._cluster}
        await self._clocks.write(waiting | self._to_look.keys() | self._looked_at, now)
        if not await self._seat.keep(token, now):
            raise SeatLost

    def look_at(self, tenant_id: str | None) -> None:
        """Have a database looked at soon."""
        self._to_look[tenant_id] = None
        self._looking.set()

    def look_everywhere(self) -> None:
        """Have every database looked at soon."""
        self._sweeping.set()

    async def _follow(self) -> None:
        """Hear of rows; where a stream cannot go on, hear from now on and look everywhere."""
        self._heard = await self._seat.token()
        while True:
            if self._heard is None:
                self._sweeping.set()
            try:
                async with (
                    queues(
                        self._clusters, self._cluster, JOBS.name, list(JobState), self._heard
                    ) as self._stream,
                    aclosing(self._stream.changes()) as changes,
                ):
                    async for change in changes:
                        self._take(change)
            except Exception as error:  # noqa: BLE001 - whatever it was, the sweep covers the gap
                log.warning("relay.stream_broken", cluster=self._cluster, error=type(error).__name__)
                refused = isinstance(error, OperationFailure)
                self._heard, self._stream = None if refused else self._token, None
            await asyncio.sleep(self._waits.again.total_seconds())

    @property
    def _token(self) -> Any | None:
        """Say how far changes were heard, as far as is known."""
        return self._heard if self._stream is None else self._stream.token

    def _take(self, change: Change) -> None:
        """Note what changed; databases that are not ours are nobody's business."""
        owner = self._owner(change.database)
        if owner is None:
            return
        now, (_, tenant_id) = self._clock.now(), owner
        due_at = change.due_at or now
        if change.added:
            if change.state == JobState.queued and due_at <= now:
                if (
                    tenant_id not in self._crowded
                ):  # else it is looked at when those that are known are done
                    self._add(Place(self._cluster, tenant_id, change.id, 0))
            else:
                self._note(tenant_id, due_at)
        elif change.state in (None, JobState.running):
            self._backlog.goes_on(owner, change.id, due_at.timestamp())
            self._note(tenant_id, due_at)
        else:
            if self._backlog.ended(owner, change.id):
                self._more(tenant_id)
            if change.state == JobState.queued:
                self._note(tenant_id, due_at)
            self._wake.set()

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
        if self._backlog.add(place):
            self._wake.set()
        else:
            self._crowded.add(place.tenant_id)

    def _more(self, tenant_id: str | None) -> None:
        """Look again at a tenant that had more jobs than are remembered, when those are done."""
        if tenant_id in self._crowded:
            self._crowded.discard(tenant_id)
            self.look_at(tenant_id)

    def _note(self, tenant_id: str | None, due_at: datetime) -> None:
        before = self._clocks.next_at
        self._clocks.note(tenant_id, due_at)
        if before is None or due_at < before:
            self._ticking.set()

    async def _tick(self) -> None:
        """Have looked at what comes due, and at those whose jobs were not heard of in time."""
        while True:
            self._ticking.clear()
            now = self._clock.now()
            for tenant_id in self._clocks.due(now):
                self.look_at(tenant_id)
            next_at = self._clocks.next_at
            wait = _LONGEST_WAIT if next_at is None else (next_at - now).total_seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait, _LONGEST_WAIT)):
                    await self._ticking.wait()

    async def _look_around(self) -> None:
        """Look at what is to be looked at, one after the other; several do it side by side."""
        while True:
            while not self._to_look:
                self._looking.clear()
                await self._looking.wait()
            tenant_id, _ = self._to_look.popitem()
            self._looked_at.add(tenant_id)
            try:
                await self._look(tenant_id)
            except Exception as error:  # noqa: BLE001 - one tenant's trouble is not another's
                log.warning("relay.not_looked", tenant=tenant_id, error=type(error).__name__)
                self._note(tenant_id, self._clock.now() + self._waits.again)
            finally:
                self._looked_at.discard(tenant_id)

    async def _look(self, tenant_id: str | None) -> None:
        """Take what is due in a database, and note when to look again; a closed one is not looked at."""
        limit = self._backlog.room.total + WINDOW
        if tenant_id is None:
            rows = await outbox.next_due(self._system(), limit)
        else:
            tenant = await self._tenancy.catalog.find(self._tenancy.naming.parse(tenant_id))
            if (
                tenant is None
                or tenant.status is not TenantStatus.active
                or tenant.cluster != self._cluster
            ):
                return
            with (
                self._clusters.asking(self._cluster),
                await self._tenancy.administer(tenant, RELAY) as db,
            ):
                rows = await outbox.next_due(db, limit)
        now = self._clock.now()
        for row in rows:
            if row.due_at > now:
                self._note(tenant_id, row.due_at)
                return
            self._add(Place(self._cluster, tenant_id, row.job_id, row.attempt))
        if len(rows) == limit:
            self._crowded.add(tenant_id)

    async def _sweep(self) -> None:
        """Look at every database, slowly; one that cannot be read stops no other."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._waits.sweep_every.total_seconds()):
                    await self._sweeping.wait()
            self._sweeping.clear()
            try:
                if self._cluster == self._clusters.names[0]:
                    self.look_at(None)
                where = {"cluster": self._cluster}
                for tenant in await self._tenancy.catalog.tenants(TenantStatus.active, matching=where):
                    await self._look_in_passing(tenant.id)
            except (ServerSelectionTimeoutError, ClusterAway) as error:
                log.warning("relay.sweep_failed", cluster=self._cluster, error=type(error).__name__)

    async def _look_in_passing(self, tenant_id: str) -> None:
        try:
            await self._look(tenant_id)
        except (ServerSelectionTimeoutError, ClusterAway):
            raise
        except Exception as error:  # noqa: BLE001 - one tenant's trouble is not another's
            log.warning("relay.not_looked", tenant=tenant_id, error=type(error).__name__)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(self._waits.write_every.total_seconds())
            try:
                await self.write_down()
            except PyMongoError as error:
                log.warning("relay.not_written", cluster=self._cluster, error=type(error).__name__)
