"""A tenant's end: suspended, then after a grace period erased, with a receipt of what was removed.

Erasing is journaled step by step in `erasures`, counted before it is removed, and can be repeated from
any point. The receipt stays; it names no person. Acts as *operator*.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jazzaam.logging import get_logger
from jazzaam.tenancy.catalog import TENANTS, Catalog
from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.credentials import Credentials
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase, Update
from jazzaam.tenancy.errors import TenantBusy, TenantNotFound
from jazzaam.tenancy.models import Tenant, TenantId, TenantStatus
from jazzaam.tenancy.steps import Observer, Step, log_step
from jazzaam.tenancy.users import OPERATOR

log = get_logger(__name__)

ERASURES: Final = CollectionSpec(
    "erasures", indexes=(IndexSpec("receipts, the newest first", (("startedAt", -1),)),)
)
"""{_id: tenant, cluster, database, startedAt, finishedAt, removed: {what: how many}, users: [name]}."""

Remover = Callable[[SystemDatabase, TenantId], Awaitable[None]]
"""Takes a tenant's rows of one shared collection away, where deleting them all would be wrong."""

_RECEIPT: Final = {"cluster": 1, "database": 1, "startedAt": 1, "finishedAt": 1, "removed": 1, "users": 1}


class Erasure:
    """Suspends, resumes and erases tenants.

    `shared` are the shared collections; those that hold rows of tenants lose them. `owner_of` gives a
    tenant as those with an `owner_key` name it. `removers` take the place of deleting, by collection
    name; one for a collection whose rows name no owner takes what is a tenant's away there too.
    Between closing a tenant for good and removing anything, `fence` passes: the longest that work begun
    before may go on.
    """

    def __init__(
        self,
        system: SystemDatabase,
        *,
        clusters: Clusters,
        catalog: Catalog,
        credentials: Credentials,
        shared: Sequence[CollectionSpec],
        owner_of: Callable[[TenantId], object],
        removers: Mapping[str, Remover],
        fence: timedelta = timedelta(seconds=60),
        observe: Observer = log_step,
    ) -> None:
        self._system = system
        self._clusters = clusters
        self._catalog = catalog
        self._credentials = credentials
        self._shared = [
            spec
            for spec in shared
            if spec is not TENANTS and (spec.owner_key is not None or spec.tenant_key is not None)
        ]
        self._owner_of = owner_of
        self._removers = removers
        self.fence = fence
        self._observe = observe

    async def suspend(
        self,
        tenant_id: TenantId,
        *,
        erase_after: datetime | None = None,
        by_tenant: bool = False,
        within: SystemDatabase | None = None,
    ) -> Tenant:
        """Close a tenant within a second, everywhere; with `erase_after` it is erased from then on.

        Without it, a plan to erase that was made before stands. What a tenant did `by_tenant` itself it can
        undo, until somebody else suspends it. `within` as in `Catalog.alter`. Safe to repeat. Raises
        `TenantNotFound`, or `TenantBusy` for one that is not complete, or that somebody else suspended
        before it does so `by_tenant`.
        """
        held: Document = {"status": {"$in": [TenantStatus.active, TenantStatus.suspended]}}
        if by_tenant:
            own = {"status": TenantStatus.suspended, "byTenant": True}
            held = {"$or": [{"status": TenantStatus.active}, own]}
        when = {} if erase_after is None else {"eraseAfter": erase_after}
        new = {"status": TenantStatus.suspended, "byTenant": by_tenant, **when}
        return await self._move(tenant_id, held, {"$set": new}, within)

    async def resume(
        self, tenant_id: TenantId, *, by_tenant: bool = False, within: SystemDatabase | None = None
    ) -> Tenant:
        """Open a suspended tenant again, and forget that it was to be erased; safe to repeat.

        Raises `TenantNotFound`, or `TenantBusy` when its erasure has begun, or when it is `by_tenant` and
        the suspension is not its own.
        """
        held: Document = {"status": {"$in": [TenantStatus.active, TenantStatus.suspended]}}
        expecting = {**held, "byTenant": True} if by_tenant else held
        reopened = {"$set": {"status": TenantStatus.active}, "$unset": {"eraseAfter": "", "byTenant": ""}}
        return await self._move(tenant_id, expecting, reopened, within)

    async def planned(self) -> dict[TenantId, datetime]:
        """Tell from when on each suspended tenant that is to be erased may be."""
        rows = self._system[TENANTS].find(
            {"status": TenantStatus.suspended, "eraseAfter": {"$exists": True}}, {"eraseAfter": 1}
        )
        return {TenantId(row["_id"]): row["eraseAfter"] async for row in rows}

    async def is_erased(self, tenant_id: TenantId) -> bool:
        """Tell whether a tenant of this id was erased, or begins to be."""
        return await self._system[ERASURES].find_one({"_id": tenant_id}, {"_id": 1}) is not None

    async def closed_at(self, tenant_id: TenantId) -> datetime | None:
        """Tell since when a tenant is closed for good; None for one that is not."""
        journal = await self._catalog.journal(tenant_id, {"closedAt": 1})
        return (journal or {}).get("closedAt")

    async def receipt(self, tenant_id: TenantId) -> Document | None:
        """Read what was removed of a tenant."""
        return await self._system[ERASURES].find_one({"_id": tenant_id}, _RECEIPT)

    async def erase(self, tenant_id: TenantId, clock: Callable[[], datetime]) -> Document:
        """Close a suspended tenant for good, wait for the fence, and remove it; gives the receipt.

        Safe to repeat after a crash. Raises `TenantNotFound`, or `TenantBusy` when it is not suspended.
        """
        await self.close(tenant_id, clock())
        await asyncio.sleep(self.fence.total_seconds())
        return await self.finish(tenant_id, clock())

    async def close(self, tenant_id: TenantId, at: datetime) -> None:
        """Close a suspended tenant for good; nothing is removed before the fence is over. Safe to repeat.

        Raises `TenantNotFound`, or `TenantBusy` when it is not suspended.
        """
        held = [TenantStatus.suspended, TenantStatus.erasing]
        await self._move(tenant_id, {"status": {"$in": held}}, _closing(at))
        self._observe(Step.erasure_begun)

    async def close_due(self, at: datetime) -> None:
        """Close for good whose grace period is over."""
        due = {"status": TenantStatus.suspended, "eraseAfter": {"$lte": at}}
        while (closed := await self._catalog.alter(due, _closing(at))) is not None:
            log.info("tenant.closed", tenant=closed.id)
            self._observe(Step.erasure_begun)

    async def finish(self, tenant_id: TenantId, at: datetime) -> Document:
        """Remove everything of a tenant that was closed for good; gives the receipt. Safe to repeat.

        Raises `TenantNotFound`, or `TenantBusy` when it was not closed.
        """
        tenant, closed_at = await self._catalog.tenant(tenant_id), await self.closed_at(tenant_id)
        if closed_at is None:
            raise TenantBusy
        await self._begin_receipt(tenant, closed_at)
        await self._remove_rows(tenant)
        users = await self._credentials.drop_all(tenant)
        await self._note(tenant_id, {"$addToSet": {"users": {"$each": users}}})
        self._observe(Step.users_dropped)
        await self._drop_database(tenant)
        await self._note(tenant_id, {"$set": {"finishedAt": at}})
        self._observe(Step.receipt_written)
        await self._catalog.remove(tenant)
        self._observe(Step.row_removed)
        log.info("tenant.erased", tenant=tenant_id)
        return await self.receipt(tenant_id) or {}

    async def _begin_receipt(self, tenant: Tenant, closed_at: datetime) -> None:
        begun: Document = {"cluster": tenant.cluster, "database": tenant.database, "startedAt": closed_at}
        await self._system[ERASURES].update_one(
            {"_id": tenant.id}, {"$setOnInsert": {**begun, "removed": {}, "users": []}}, upsert=True
        )

    async def _remove_rows(self, tenant: Tenant) -> None:
        """Take the tenant's rows of shared collections away: strangers' keys first, the company last."""
        for spec in sorted(self._shared, key=lambda spec: (spec.name in self._removers, spec.name)):
            rows = self._rows(tenant.id, spec)
            await self._count_once(tenant.id, spec.name, await rows[0].count(rows[1]))
            remover = self._removers.get(spec.name)
            if remover is not None:
                await remover(self._system, tenant.id)
            else:
                await rows[0].delete_many(rows[1])
        for name in self._removers.keys() - {spec.name for spec in self._shared}:
            await self._removers[name](self._system, tenant.id)
        self._observe(Step.rows_removed)

    def _rows(self, tenant_id: TenantId, spec: CollectionSpec) -> tuple[Any, Document]:
        if spec.owner_key is not None:
            return CompanyScope(self._system, self._owner_of(tenant_id))[spec], {}
        assert spec.tenant_key is not None  # noqa: S101 - `_shared` has no others
        return self._system[spec], {spec.tenant_key: tenant_id}

    async def _drop_database(self, tenant: Tenant) -> None:
        client = self._clusters.client(tenant.cluster, OPERATOR)
        database = client[tenant.database]
        for name in await database.list_collection_names():
            count = await database[name].estimated_document_count()
            await self._count_once(tenant.id, f"database:{name.replace('.', '/')}", count)
        await client.drop_database(tenant.database)
        self._observe(Step.database_dropped)

    async def _count_once(self, tenant_id: TenantId, what: str, count: int) -> None:
        """Write down how many there were; the first count stays when a step is repeated."""
        await self._system[ERASURES].update_one(
            {"_id": tenant_id, f"removed.{what}": {"$exists": False}}, {"$set": {f"removed.{what}": count}}
        )

    async def _note(self, tenant_id: TenantId, update: Document) -> None:
        await self._system[ERASURES].update_one({"_id": tenant_id}, update)

    async def _move(
        self,
        tenant_id: TenantId,
        expecting: Document,
        update: Update,
        within: SystemDatabase | None = None,
    ) -> Tenant:
        moved = await self._catalog.alter({"_id": tenant_id, **expecting}, update, within=within)
        if moved is None:
            if await self._catalog.journal(tenant_id, {"_id": 1}) is None:
                raise TenantNotFound
            raise TenantBusy
        return moved


def _closing(at: datetime) -> Update:
    return [{"$set": {"status": TenantStatus.erasing, "closedAt": {"$ifNull": ["$closedAt", at]}}}]
