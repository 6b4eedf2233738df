"""The front door of the tenancy core."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from jazzaam.tasks import end_tasks
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.client_pool import ClientPool
from jazzaam.tenancy.clusters import Client, Clusters
from jazzaam.tenancy.credentials import Credentials, user_name
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.errors import TenantBusy, TenantNotReady, TenantSuspended
from jazzaam.tenancy.migration import Migrator
from jazzaam.tenancy.models import Tenant, TenantId, TenantNaming, TenantStatus
from jazzaam.tenancy.users import ClusterUser

Result = TypeVar("Result")

_MEETINGS = 3


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What came of one tenant: a result, or the error it ended with.

    One that has moved on since it was listed (erased, suspended) is `skipped`.
    """

    tenant_id: TenantId
    result: Result | None = None
    error: Exception | None = None
    skipped: bool = False


class Tenancy:
    """Opens and walks tenants; the only maker of a `TenantDatabase`."""

    def __init__(
        self,
        *,
        naming: TenantNaming,
        clusters: Clusters,
        catalog: Catalog,
        credentials: Credentials,
        pool: ClientPool[Client],
        migrator: Migrator,
    ) -> None:
        self.naming = naming
        self.catalog = catalog
        self.pool = pool
        self._clusters = clusters
        self._credentials = credentials
        self._migrator = migrator

    async def open(self, tenant_id: str) -> TenantDatabase:
        """Give the right to use one tenant's data, until it is released.

        Each call gives a handle of its own, since a handle carries the session of a running change. A
        tenant whose shape is behind is brought up to date first. Raises `TenantNotFound` (also for
        anything that is no id), `TenantSuspended`, `TenantNotReady`, `PoolExhausted`.
        """
        checked = self.naming.parse(tenant_id)
        tenant = await self.catalog.tenant(checked)
        if self._migrator.is_behind(tenant):
            _require_active(tenant)
            await self._migrator.touch(tenant, lambda: self.administer(tenant))
            tenant = await self.catalog.tenant(checked)
        if tenant.credential is not None:
            return await self._open_dedicated(tenant)
        _require_active(tenant)  # and nothing is awaited after it
        return self._shared(tenant)

    async def confirm(self, db: TenantDatabase) -> None:
        """Ask again whether a handle may be used, after a wait.

        Raises as `open` does, and `TenantBusy` when its MongoDB user was changed.
        """
        tenant = await self.catalog.tenant(db.tenant.id)
        _require_active(tenant)
        if _epoch(tenant) != _epoch(db.tenant):
            raise TenantBusy

    async def administer(self, tenant: Tenant, user: ClusterUser | None = None) -> TenantDatabase:
        """Give a handle in any state of the tenant: for work on the fleet, never for a request.

        `user` is one of the cluster's; without it a dedicated tenant is reached as itself, and a shared
        one as this process's user.
        """
        if user is None and tenant.credential is not None:
            return await self._as_itself(tenant)
        return self._shared(tenant, user)

    async def each(
        self,
        visit: Callable[[TenantDatabase], Awaitable[Result]],
        *,
        tenants: Iterable[Tenant] | None = None,
        concurrency: int = 8,
        user: ClusterUser | None = None,
    ) -> AsyncGenerator[Outcome[Result]]:
        """Visit tenants, at most `concurrency` at once, and yield as they finish.

        All active ones are visited, unless `tenants` says which; `user` as in `administer`. Each is looked
        up again when its turn comes. One that fails yields its error and stops no other.
        """
        if tenants is None:
            tenants = await self.catalog.tenants(TenantStatus.active)
        waiting = iter(tenants)
        running: set[asyncio.Task[Outcome[Result]]] = set()

        async def one(tenant: Tenant) -> Outcome[Result]:
            try:
                now = await self.catalog.find(tenant.id)
                if now is None or (now.life, now.status) != (tenant.life, tenant.status):
                    return Outcome(tenant.id, skipped=True)
                with await self.administer(now, user) as db:
                    return Outcome(tenant.id, result=await visit(db))
            except Exception as error:  # noqa: BLE001 - it is that tenant's outcome
                return Outcome(tenant.id, error=error)

        try:
            while True:
                while len(running) < concurrency and (tenant := next(waiting, None)) is not None:
                    running.add(asyncio.create_task(one(tenant)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            await end_tasks(running)

    def _shared(self, tenant: Tenant, user: ClusterUser | None = None) -> TenantDatabase:
        return TenantDatabase(tenant, self._clusters.client(tenant.cluster, user)[tenant.database])

    async def _as_itself(self, tenant: Tenant) -> TenantDatabase:
        """Lease the tenant's own client; its key changes with the user's epoch."""
        assert tenant.credential is not None  # noqa: S101 - asked for dedicated tenants alone
        key = user_name(tenant.id, tenant.credential.epoch)
        lease = await self.pool.lease(key, lambda: self._credentials.connect(tenant))
        return TenantDatabase(tenant, lease.client[tenant.database], lease)

    async def _open_dedicated(self, tenant: Tenant) -> TenantDatabase:
        """Lease, then ask again: waiting for a client may take longer than an answer counts."""
        for _ in range(_MEETINGS):
            _require_active(tenant)
            if tenant.credential is None:
                return self._shared(tenant)
            db = await self._as_itself(tenant)
            try:
                again = await self.catalog.tenant(tenant.id)
            except BaseException:
                db.release()
                raise
            if again.status is tenant.status and again.credential == tenant.credential:
                return db
            db.release()
            tenant = again
        raise TenantBusy


def _epoch(tenant: Tenant) -> int:
    """Count the users a tenant has had; its secret may be encrypted anew and mean the same user."""
    return 0 if tenant.credential is None else tenant.credential.epoch


def _require_active(tenant: Tenant) -> None:
    """Raise `TenantSuspended` or `TenantNotReady` unless the tenant may be opened."""
    if tenant.status is not TenantStatus.active:
        closed = tenant.status in (TenantStatus.suspended, TenantStatus.erasing)
        raise TenantSuspended if closed else TenantNotReady
