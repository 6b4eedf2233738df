"""A tenant's birth: built at once, or built ahead of time and claimed by a sign-up. Journaled.

The catalog's row always comes before the database, so no database is unknown; and a tenant is opened
only when its row says *active*, which is written last. What a crash leaves is told by the row's state,
and `tenancy.care` finishes or undoes it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import ConnectionFailure

from jazzaam.logging import get_logger
from jazzaam.tenancy import schema
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.clusters import Clusters, has_database
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.errors import (
    ClusterAway,
    ClusterSilent,
    DatabaseExists,
    TenantBusy,
    TenantExists,
)
from jazzaam.tenancy.models import Tenant, TenantId, TenantNaming, TenantStatus
from jazzaam.tenancy.placement import Placement
from jazzaam.tenancy.schema import Shape
from jazzaam.tenancy.steps import Observer, Step, log_step
from jazzaam.tenancy.users import OPERATOR

log = get_logger(__name__)

BUILD_SECONDS: Final = 60
"""How long building a database may take; what was begun longer ago has crashed."""
UNDO_LASTS: Final = timedelta(minutes=2)
"""How long one process may take to undo a tenant before another tries."""
_NEVER_OPENED: Final = (
    TenantStatus.provisioning,
    TenantStatus.ready,
    TenantStatus.importing,
    TenantStatus.erasing,
)
_UNDONE: Final = TenantStatus.erasing


@dataclass(frozen=True, slots=True)
class Claim:
    """A tenant that was built and belongs to one sign-up, which `activate` finishes."""

    tenant: Tenant
    token: ObjectId


class Provisioner:
    """Makes tenants, each with `limits`. `new_id` gives an id for one that is built ahead of time."""

    def __init__(
        self,
        *,
        naming: TenantNaming,
        clusters: Clusters,
        catalog: Catalog,
        placement: Placement,
        shape: Shape,
        new_id: Callable[[], str],
        limits: Mapping[str, int | None],
        observe: Observer = log_step,
    ) -> None:
        self._naming = naming
        self._clusters = clusters
        self._catalog = catalog
        self._placement = placement
        self._shape = shape
        self._new_id = new_id
        self._limits = limits
        self._observe = observe

    async def create(self, tenant_id: str, *, at: datetime) -> Tenant:
        """Make the tenant of an id, open from its end on.

        Safe to repeat after a crash: one that was left half made is finished. Raises `TenantExists`
        when it is there, `DatabaseExists`, `ClusterFull`, `ClusterSilent`.
        """
        checked = self._naming.parse(tenant_id)
        try:
            tenant = await self._begin(checked, at, for_operator=True)
        except TenantExists:
            tenant = await self._catalog.tenant(checked)
            ours = tenant.schema_fingerprint == self._shape.fingerprint
            if tenant.status is not TenantStatus.provisioning or not ours:
                raise
        await self._build(tenant)
        made = await self._advance(tenant, TenantStatus.active)
        if made is None:
            raise TenantExists  # another process finished it first
        self._observe(Step.activated)
        return made

    async def claim(self, at: datetime) -> Claim:
        """Take a tenant that waits, or build one.

        It is the caller's alone, on a cluster that answers, and opens when `activate` is committed. Raises
        `ClusterFull`, `ClusterAway`.
        """
        token = ObjectId()
        taken = {"$set": {"status": TenantStatus.claimed, "claim": token, "claimedAt": at}}
        tenant = await self._claim_ready(taken)
        if tenant is None:
            try:
                building = await self._begin(TenantId(self._new_id()), at)
            except ClusterSilent:
                raise ClusterAway from None
            await self._build(building)
            tenant = await self._catalog.alter(_as_begun(building), taken)
            if tenant is None:
                raise TenantBusy
        self._observe(Step.claimed)
        return Claim(tenant, token)

    async def _claim_ready(self, taken: Mapping[str, Any]) -> Tenant | None:
        """Take a ready tenant of the present shape whose cluster answers; None when there is none."""
        for _ in self._clusters.names:
            tenant = await self._catalog.alter(
                {
                    "status": TenantStatus.ready,
                    "schemaFingerprint": self._shape.fingerprint,
                    "cluster": {"$nin": self._clusters.silent},
                },
                taken,
            )
            if tenant is None or await self._answers(tenant.cluster):
                return tenant
            await self.unclaim(Claim(tenant, taken["$set"]["claim"]))
        return None

    async def _answers(self, cluster: str) -> bool:
        try:
            with self._clusters.asking(cluster):
                await self._clusters.client(cluster).admin.command("ping")
        except (ConnectionFailure, ClusterAway):
            return False
        return True

    async def activate(self, claim: Claim, within: SystemDatabase) -> None:
        """Open a claimed tenant, in the running change that writes whose it is.

        Raises `TenantBusy` when the claim was taken back meanwhile.
        """
        opened = await self._catalog.alter(
            {"_id": claim.tenant.id, "status": TenantStatus.claimed, "claim": claim.token},
            {
                "$set": {"status": TenantStatus.active},
                "$unset": {"claim": "", "claimedAt": "", "spare": ""},
            },
            within=within,
        )
        if opened is None:
            raise TenantBusy

    def opened(self, claim: Claim) -> None:
        """Hear at once of the commit that opened a claimed tenant."""
        self._catalog.forget(claim.tenant.id)
        self._observe(Step.activated)

    async def unclaim(self, claim: Claim) -> None:
        """Let a claimed tenant, into which nothing was written, wait again; safe to repeat."""
        await self._catalog.alter(
            {"_id": claim.tenant.id, "status": TenantStatus.claimed, "claim": claim.token},
            {"$set": {"status": TenantStatus.ready}, "$unset": {"claim": "", "claimedAt": ""}},
        )

    async def keep_ready(self, count: int, at: datetime) -> int:
        """Build until `count` tenants of the present shape wait; gives how many were built.

        Raises `ClusterFull`, `ClusterSilent`.
        """
        waiting = await self._catalog.tenants(
            TenantStatus.ready,
            TenantStatus.provisioning,
            matching={"spare": True, "schemaFingerprint": self._shape.fingerprint},
        )
        built = 0
        for _ in range(count - len(waiting)):
            tenant = await self._begin(TenantId(self._new_id()), at)
            await self.make_ready(tenant)
            built += 1
        return built

    async def make_ready(self, tenant: Tenant) -> bool:
        """Finish a tenant that is built ahead of time; False when another process did."""
        await self._build(tenant)
        made = await self._advance(tenant, TenantStatus.ready)
        if made is not None:
            self._observe(Step.made_ready)
        return made is not None

    async def undo(self, tenant: Tenant, at: datetime) -> bool:
        """Take back a tenant that never opened: its keys, its database, then its row. Acts as *operator*.

        One process at a time does it. False when it has moved on meanwhile, or another process is at it.
        Safe to repeat.
        """
        held = await self._catalog.alter(
            {
                "_id": tenant.id,
                "life": tenant.life,
                "status": {"$in": [one for one in _NEVER_OPENED if one in (tenant.status, _UNDONE)]},
                "closedAt": {"$exists": False},
                "undoneAt": {"$not": {"$gt": at - UNDO_LASTS}},
            },
            {"$set": {"status": _UNDONE, "undoneAt": at}},
        )
        if held is None:
            return False
        async with asyncio.timeout(UNDO_LASTS.total_seconds() / 2):
            await self._catalog.release_keys(tenant.id, tenant.created_at)
            await self._clusters.client(tenant.cluster, OPERATOR).drop_database(tenant.database)
            return await self._catalog.remove(held)

    async def require_free(self, cluster: str, tenant_id: TenantId) -> None:
        """Raise `DatabaseExists` when a cluster has a database of a new tenant's name: somebody's data."""
        name = self._naming.database(tenant_id)
        there = await has_database(self._clusters.client(cluster, OPERATOR), name)
        if there and await self._catalog.journal(tenant_id, {"_id": 1}) is None:
            raise DatabaseExists

    async def _begin(self, tenant_id: TenantId, at: datetime, *, for_operator: bool = False) -> Tenant:
        """Write the row of a tenant that is about to be built."""
        cluster = await self._placement.choose(self._shape.tables, for_operator=for_operator)
        if for_operator:  # an id that was made just now is nobody's
            await self.require_free(cluster, tenant_id)
        tenant = Tenant(
            id=tenant_id,
            status=TenantStatus.provisioning,
            cluster=cluster,
            database=self._naming.database(tenant_id),
            schema_fingerprint=self._shape.fingerprint,
            data_version=self._shape.data_version,
            created_at=at,
            limits=self._limits,
            life=ObjectId(),
        )
        await self._catalog.add_tenant(tenant, {"spare": not for_operator})
        self._observe(Step.row_written)
        return tenant

    async def _build(self, tenant: Tenant) -> None:
        database = self._clusters.client(tenant.cluster)[tenant.database]
        async with asyncio.timeout(BUILD_SECONDS):
            await schema.build(database, self._shape.collections)
        self._observe(Step.database_built)

    async def _advance(self, tenant: Tenant, status: TenantStatus) -> Tenant | None:
        shape = {"schemaFingerprint": self._shape.fingerprint, "dataVersion": self._shape.data_version}
        return await self._catalog.alter(_as_begun(tenant), {"$set": {"status": status, **shape}})


def _as_begun(tenant: Tenant) -> Mapping[str, Any]:
    return {"_id": tenant.id, "life": tenant.life, "status": TenantStatus.provisioning}
