"""Notice jobs: a change stream over the cluster for the new ones, a slow sweep for all others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta

from pymongo.errors import ServerSelectionTimeoutError

from jazzaam.clock import Clock
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, Place
from jazzaam.jobs.runner import Runner
from jazzaam.logging import get_logger
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase
from jazzaam.tenancy.errors import TenantNotFound
from jazzaam.tenancy.models import TenantNaming, TenantStatus
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.tenancy.users import RELAY
from jazzaam.tenancy.watching import Change, inserts

log = get_logger(__name__)


class Relay:
    """Hands jobs to a runner, `slots` at once; at most twice as many wait in memory.

    What does not fit, or comes due later, is found by the sweep. Any number of relays may run: a job is
    claimed once.
    """

    def __init__(
        self,
        *,
        tenancy: Tenancy,
        clusters: Clusters,
        system: Callable[[], SystemDatabase],
        runner: Runner,
        clock: Clock,
        slots: int = 8,
        sweep_every: timedelta = timedelta(seconds=5),
    ) -> None:
        self._tenancy = tenancy
        self._clusters = clusters
        self._system = system
        self._runner = runner
        self._clock = clock
        self._slots = slots
        self._sweep_every = sweep_every.total_seconds()
        self._waiting: asyncio.Queue[Place] = asyncio.Queue(maxsize=2 * slots)

    async def run(self, *, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is running; cancel to end at once."""
        async with asyncio.TaskGroup() as running:
            sources = [asyncio.create_task(self._follow(name)) for name in self._clusters.names]
            sources += [asyncio.create_task(self._sweep(name)) for name in self._clusters.names]
            sources.append(asyncio.create_task(self._hand_out(running)))
            await stop.wait()
            await end_tasks(sources)

    async def _hand_out(self, running: asyncio.TaskGroup) -> None:
        free = asyncio.Semaphore(self._slots)

        async def one(place: Place) -> None:
            try:
                await self._runner.run(place)
            except Exception as error:  # noqa: BLE001 - the row's lease runs out, and the sweep finds it
                log.warning("job.not_run", tenant=place.tenant_id, error=type(error).__name__)
            finally:
                free.release()

        while True:
            await free.acquire()
            running.create_task(one(await self._waiting.get()))

    async def _sweep(self, cluster: str) -> None:
        """Look at every database of a cluster; one that is away keeps no other waiting."""
        while True:
            try:
                async for place in self._due(cluster):
                    await self._waiting.put(place)
            except Exception as error:  # noqa: BLE001 - one bad round stops no other
                log.warning("relay.sweep_failed", cluster=cluster, error=type(error).__name__)
            await asyncio.sleep(self._sweep_every)

    async def _due(self, cluster: str) -> AsyncIterator[Place]:
        now, batch = self._clock.now(), 2 * self._slots
        if cluster == self._clusters.names[0]:
            for job_id in await outbox.due(self._system(), now, batch):
                yield Place(None, job_id)

        async def visit(db: TenantDatabase) -> list[Place]:
            return [Place(db.tenant.id, job_id) for job_id in await outbox.due(db, now, batch)]

        tenants = await self._tenancy.catalog.tenants(TenantStatus.active, matching={"cluster": cluster})
        async with aclosing(self._tenancy.each(visit, tenants=tenants, user=RELAY)) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome.error, ServerSelectionTimeoutError):
                    raise outcome.error
                if outcome.error is not None:
                    log.warning(
                        "relay.tenant_skipped",
                        tenant=outcome.tenant_id,
                        error=type(outcome.error).__name__,
                    )
                for place in outcome.result or ():
                    yield place

    async def _follow(self, cluster: str) -> None:
        """Hear of each new row; a broken stream is opened again, and the sweep covers the gap."""
        while True:
            try:
                async for change in inserts(self._clusters, cluster, JOBS.name):
                    place = self._place(change, self._tenancy.naming)
                    if place is not None:
                        await self._waiting.put(place)
            except Exception as error:  # noqa: BLE001 - the sweep covers the gap
                log.warning("relay.stream_broken", error=type(error).__name__)
            await asyncio.sleep(0.3)

    def _place(self, change: Change, naming: TenantNaming) -> Place | None:
        """Say where an inserted row is; databases that are not ours are nobody's business."""
        if change.database == naming.system:
            return Place(None, change.id)
        if not change.database.startswith(naming.prefix):
            return None
        try:
            return Place(naming.parse(change.database.removeprefix(naming.prefix)), change.id)
        except TenantNotFound:
            return None
