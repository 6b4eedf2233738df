"""The front door of the tenancy core."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pymongo.asynchronous.database import AsyncDatabase

from jazzaam.tasks import end_tasks
from jazzaam.tenancy import schema
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.database import Document, SystemDatabase, TenantDatabase
from jazzaam.tenancy.errors import TenantExists, TenantNotFound, TenantNotReady, TenantSuspended
from jazzaam.tenancy.freshness import Freshness
from jazzaam.tenancy.models import Tenant, TenantId, TenantNaming, TenantStatus

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What came of one tenant: a result, or the error it ended with."""

    tenant_id: TenantId
    result: Result | None = None
    error: Exception | None = None


class Tenancy:
    """Opens, creates and walks tenants; the only maker of a `TenantDatabase`.

    `collections` is what every tenant's database holds from its birth.
    """

    def __init__(
        self,
        *,
        naming: TenantNaming,
        clusters: Clusters,
        catalog: Catalog,
        collections: Sequence[CollectionSpec],
    ) -> None:
        self.naming = naming
        self.catalog = catalog
        self._clusters = clusters
        self._collections = tuple(collections)
        self._fingerprint = schema.fingerprint(collections)

    async def open(self, tenant_id: str) -> TenantDatabase:
        """Give the right to use one tenant's data.

        Each call gives a handle of its own, since a handle carries the session of a running change.
        Raises `TenantNotFound` (also for anything that is no id), `TenantSuspended`, `TenantNotReady`.
        """
        tenant = await self.catalog.tenant(self.naming.parse(tenant_id))
        if tenant.status is not TenantStatus.active:
            raise _refusal(tenant.status)
        return self._handle(tenant)

    async def create(self, tenant_id: str, *, at: datetime) -> Tenant:
        """Make a tenant: first its row in the catalog, then its database.

        Safe to repeat after a crash: a tenant that was left half made is finished. Raises
        `TenantExists` when it is complete already.
        """
        checked = self.naming.parse(tenant_id)
        tenant = Tenant(
            id=checked,
            status=TenantStatus.provisioning,
            cluster=self._clusters.names[0],
            database=self.naming.database(checked),
            schema_fingerprint=self._fingerprint,
            created_at=at,
        )
        try:
            await self.catalog.add_tenant(tenant)
        except TenantExists:
            tenant = await self.catalog.tenant(checked)
            if tenant.status is not TenantStatus.provisioning:
                raise
        await schema.build(self._database(tenant), self._collections)
        try:
            await self.catalog.set_status(checked, TenantStatus.active, only_from=TenantStatus.provisioning)
        except TenantNotFound:
            raise TenantExists from None  # another process finished it first
        return await self.catalog.tenant(checked)

    async def each(
        self,
        visit: Callable[[TenantDatabase], Awaitable[Result]],
        *,
        concurrency: int = 8,
    ) -> AsyncGenerator[Outcome[Result]]:
        """Visit every active tenant, at most `concurrency` at once, and yield as they finish.

        One that fails yields its error and stops no other.
        """
        waiting = iter(await self.catalog.tenants())
        running: set[asyncio.Task[Outcome[Result]]] = set()

        async def one(tenant: Tenant) -> Outcome[Result]:
            try:
                return Outcome(tenant.id, result=await visit(self._handle(tenant)))
            except Exception as error:  # noqa: BLE001 - it is that tenant's outcome
                return Outcome(tenant.id, error=error)

        try:
            while True:
                for tenant in waiting:
                    running.add(asyncio.create_task(one(tenant)))
                    if len(running) >= concurrency:
                        break
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            await end_tasks(running)

    def _handle(self, tenant: Tenant) -> TenantDatabase:
        return TenantDatabase(tenant, self._database(tenant))

    def _database(self, tenant: Tenant) -> AsyncDatabase[Document]:
        return self._clusters.client(tenant.cluster)[tenant.database]


def _refusal(status: TenantStatus) -> TenantSuspended | TenantNotReady:
    if status is TenantStatus.suspended:
        return TenantSuspended()
    return TenantNotReady()


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that belongs to one process's view of MongoDB."""

    clusters: Clusters
    system: Callable[[], SystemDatabase]
    freshness: Freshness
    tenancy: Tenancy


def deploy(
    clusters: Clusters,
    naming: TenantNaming,
    *,
    tenant_collections: Sequence[CollectionSpec],
    watched: Sequence[str],
) -> Deployment:
    """Put the parts together; connects to nothing yet. `watched` collections keep caches fresh."""
    database = clusters.client(clusters.names[0])[naming.system]

    def system() -> SystemDatabase:
        return SystemDatabase(database)

    freshness = Freshness(system(), watched)
    catalog = Catalog(system(), freshness)
    return Deployment(
        clusters=clusters,
        system=system,
        freshness=freshness,
        tenancy=Tenancy(naming=naming, clusters=clusters, catalog=catalog, collections=tenant_collections),
    )
