"""From the databases to the broker: every job that is due is handed over, fairly, and few at a time.

Any number of relays may run. Each cluster has one at work; the others wait for its seat. Should two be at
work at once, a job is handed over twice and done once: a worker claims its row.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pymongo.errors import PyMongoError

from jazzaam.clock import Clock
from jazzaam.jobs.broker import Broker
from jazzaam.jobs.clocks import Seat
from jazzaam.jobs.fairness import Backlog, room_for
from jazzaam.jobs.lookout import Lookout, SeatLost, Waits
from jazzaam.jobs.messages import Messages
from jazzaam.jobs.models import Place
from jazzaam.logging import get_logger
from jazzaam.tasks import run_until
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.freshness import Freshness, Source
from jazzaam.tenancy.models import Tenant, TenantStatus
from jazzaam.tenancy.tenancy import Tenancy

log = get_logger(__name__)

_COUNT_SECONDS = 2.0
_OVERDUE_SECONDS = 0.5
_LEAVING_SECONDS = 2.0


class Share(NamedTuple):
    """How many jobs a tenant hands over in a turn, and may have under way at most (None: as all others)."""

    weight: int
    most: int | None


class Relay:
    """Hands jobs over.

    `slots` counts the jobs that all workers run at once; `share_of` gives a tenant's part of them.
    """

    def __init__(
        self,
        *,
        tenancy: Tenancy,
        clusters: Clusters,
        system: Callable[[], SystemDatabase],
        freshness: Freshness,
        broker: Broker,
        messages: Messages,
        clock: Clock,
        slots: Callable[[], Awaitable[int]],
        share_of: Callable[[Tenant], Share] = lambda _: Share(1, None),
        waits: Waits | None = None,
    ) -> None:
        self._tenancy = tenancy
        self._clusters = clusters
        self._system = system
        self._broker = broker
        self._messages = messages
        self._clock = clock
        self._slots = slots
        self._share_of = share_of
        self._waits = waits or Waits()
        self._holder = freshness.process_id
        self._backlog = Backlog(room_for(1))
        self._wake = asyncio.Event()
        self._lookouts: dict[str, tuple[Lookout, Seat]] = {}
        freshness.listen(self._catalog_changed)

    @property
    def backlog(self) -> Backlog:
        """What this relay knows of jobs that have not ended; empty while another has the seat."""
        return self._backlog

    async def run(self, *, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then others may take over at once."""
        self._backlog.room = room_for(max(1, await self._slots()))
        parts = [self._hand_over(), self._count_slots(), self._look_after_overdue()]
        parts += [self._watch(cluster) for cluster in self._clusters.names]
        try:
            await run_until(stop, parts)
        finally:
            await self._leave()

    async def _watch(self, cluster: str) -> None:
        """Watch a cluster whenever its seat is free."""
        seat, told = Seat(self._system, cluster, self._holder, self._waits.seat), False
        while True:
            try:
                if await seat.take(self._clock.now()):
                    await self._watch_from(seat, cluster)
                elif not told:
                    told = True
                    log.info("relay.waits", cluster=cluster, detail="Another process relays its jobs.")
            except SeatLost:
                log.warning("relay.seat_lost", cluster=cluster)
            except Exception as error:  # noqa: BLE001 - one cluster's trouble is not another's
                log.warning("relay.failed", cluster=cluster, error=type(error).__name__)
            self._lookouts.pop(cluster, None)
            await asyncio.sleep(self._waits.again.total_seconds())

    async def _watch_from(self, seat: Seat, cluster: str) -> None:
        log.info("relay.watches", cluster=cluster)
        lookout = Lookout(
            cluster,
            tenancy=self._tenancy,
            clusters=self._clusters,
            system=self._system,
            backlog=self._backlog,
            wake=self._wake,
            seat=seat,
            clock=self._clock,
            waits=self._waits,
        )
        self._lookouts[cluster] = lookout, seat
        await lookout.run()

    async def _leave(self) -> None:
        """Write down how far it is, and let others have the seats at once."""
        for lookout, seat in self._lookouts.values():
            with contextlib.suppress(PyMongoError, SeatLost, TimeoutError):
                async with asyncio.timeout(_LEAVING_SECONDS):
                    await lookout.write_down()
                    await seat.leave(self._clock.now())

    async def _hand_over(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            unheard = self._waits.unheard.total_seconds()
            while (place := self._backlog.take(self._clock.now().timestamp() + unheard)) is not None:
                if not await self._is_open(place):
                    continue
                try:
                    await self._broker.send(self._messages.write(place))
                except Exception as error:  # noqa: BLE001 - nothing is lost: it is next again
                    log.warning("relay.not_handed_over", error=type(error).__name__)
                    self._backlog.put_back(place)
                    await asyncio.sleep(self._waits.again.total_seconds())

    async def _is_open(self, place: Place) -> bool:
        """Tell whether a job's tenant is open; what waits of a closed one waits in its database."""
        owner, tenant_id = (place.cluster, place.tenant_id), place.tenant_id
        if tenant_id is None:
            return True
        lookout, _ = self._lookouts.get(place.cluster, (None, None))
        try:
            tenant = await self._tenancy.catalog.find(self._tenancy.naming.parse(tenant_id))
            if tenant is not None and tenant.status is TenantStatus.active:
                self._backlog.share(owner, *self._share_of(tenant))
                return True
            if lookout is not None:
                lookout.look_at(tenant_id)  # and find out that it is closed
        except Exception as error:  # noqa: BLE001 - one tenant's row is not another's trouble
            log.warning("relay.tenant_unknown", tenant=tenant_id, error=type(error).__name__)
            if lookout is not None:
                lookout.look_later(tenant_id)
        self._backlog.ended(owner, place.job_id)
        self._backlog.forget(owner)
        return False

    async def _count_slots(self) -> None:
        while True:
            await asyncio.sleep(_COUNT_SECONDS)
            with contextlib.suppress(PyMongoError):
                self._backlog.room = room_for(max(1, await self._slots()))
                self._wake.set()

    async def _look_after_overdue(self) -> None:
        while True:
            await asyncio.sleep(_OVERDUE_SECONDS)
            again = self._waits.unheard.total_seconds()
            for cluster, tenant_id in self._backlog.overdue(self._clock.now().timestamp(), again):
                self._wake.set()
                if cluster in self._lookouts:
                    self._lookouts[cluster][0].look_at(tenant_id)

    def _catalog_changed(self, source: Source | None) -> None:
        """Look at a tenant that may have been opened again."""
        for lookout, _ in self._lookouts.values():
            if source is None:
                lookout.look_everywhere()
            elif source.collection == TENANTS.name:
                lookout.look_at(source.id)
