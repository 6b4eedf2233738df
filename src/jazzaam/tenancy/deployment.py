"""One process's view of MongoDB, put together."""

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from jazzaam.encryption import Cipher
from jazzaam.logging import get_logger
from jazzaam.signing import Keyring
from jazzaam.tenancy import schema
from jazzaam.tenancy.capsule import Exported, Portable, export
from jazzaam.tenancy.capsule_import import Importer
from jazzaam.tenancy.care import Care
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.client_pool import DEFAULT_POLICY, ClientPool, PoolPolicy
from jazzaam.tenancy.clusters import Clusters, require_fit
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.credentials import Credentials
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase
from jazzaam.tenancy.erasure import Erasure, Remover
from jazzaam.tenancy.errors import ClusterSilent, DeploymentUnfit
from jazzaam.tenancy.freshness import Freshness
from jazzaam.tenancy.limits import Counter, LimitKind, Limits, LimitSpec
from jazzaam.tenancy.migration import Migrator, is_registered, register_release
from jazzaam.tenancy.models import TenantId, TenantNaming
from jazzaam.tenancy.placement import Placement
from jazzaam.tenancy.places import Places
from jazzaam.tenancy.provisioning import Provisioner
from jazzaam.tenancy.report import reporting
from jazzaam.tenancy.schema import Shape
from jazzaam.tenancy.steps import Observer, log_step
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.tenancy.traffic import Traffic

log = get_logger(__name__)

_NOT_LEADING: Final = (
    "A later release has been here, so this one serves, and neither keeps tenants ready nor erases: "
    "`jazzaam tenants migrate --lead` puts it in charge."
)
_REPORT_EVERY: Final = timedelta(seconds=5)
REQUEST_RATE: Final = LimitSpec("requestsPerSecond", LimitKind.rate, "requests", None)
REQUESTS_AT_ONCE: Final = LimitSpec("requestsAtOnce", LimitKind.held, "requests", None)


@dataclass(frozen=True, slots=True)
class Declared:
    """What an application tells the core about itself.

    `shape` is every tenant's database; `system` are the shared collections, of which the `watched` keep
    caches fresh. `owner_of` and `removers` are described at `Erasure`; `new_id` makes an id for a tenant
    that is built ahead of time; `portable`, `new_key` and `is_key` are for capsules. Each tenant begins
    with `limits`; `counters` count anew what is used, by the limit's name.
    """

    naming: TenantNaming
    shape: Shape
    system: Sequence[CollectionSpec]
    watched: Sequence[str]
    new_id: Callable[[], str]
    owner_of: Callable[[TenantId], object]
    removers: Mapping[str, Remover] = field(default_factory=dict[str, Remover])
    portable: Sequence[Portable] = ()
    new_key: Callable[[], str] = secrets.token_urlsafe
    is_key: Callable[[str], bool] = bool
    limits: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    request_rate: LimitSpec = REQUEST_RATE
    requests_at_once: LimitSpec = REQUESTS_AT_ONCE
    counters: Mapping[str, Counter] = field(default_factory=dict[str, Counter])


@dataclass(frozen=True, slots=True)
class Bounds:
    """The core's settings. `table_limit` bounds a cluster's tables below what its descriptors allow."""

    pool: PoolPolicy = DEFAULT_POLICY
    catalog_size: int = 20_000
    table_limit: int | None = None
    erase_fence: timedelta = timedelta(seconds=60)
    refusal_pause: timedelta = timedelta(seconds=1)
    touch_pause: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that belongs to one process's view of MongoDB."""

    declared: Declared
    key_ids: Sequence[str]
    clusters: Clusters
    system: Callable[[], SystemDatabase]
    freshness: Freshness
    tenancy: Tenancy
    placement: Placement
    provisioner: Provisioner
    credentials: Credentials
    migrator: Migrator
    erasure: Erasure
    importer: Importer
    limits: Limits
    places: Places
    traffic: Traffic
    care: Care

    async def export(self, db: TenantDatabase, path: Path, keyring: Keyring, at: datetime) -> Exported:
        """Write the capsule of a tenant that is held, as that handle's own user; see `capsule.export`."""
        return await export(
            db.tenant,
            path,
            client=db.client,
            shape=self.declared.shape,
            system=self.system(),
            owner=self.declared.owner_of(db.tenant.id),
            portable=self.declared.portable,
            keyring=keyring,
            at=at,
        )

    async def prepare(self, at: datetime, *, every_cluster: bool = True, declare: bool = True) -> None:
        """Check the clusters, and make the shared database what it is declared to be.

        Without `every_cluster` one that cannot be used is put up with, unless it holds the shared database:
        its tenants are away, the others are not. Without `declare` another release may be in charge, and is
        left so. Safe to repeat, also by several processes at once. Raises `DeploymentUnfit`,
        `ClusterSilent`.
        """
        first, *others = self.clusters.names
        await require_fit(self.clusters.client(first), first)
        for name in others:
            try:
                await require_fit(self.clusters.client(name), name)
            except (ClusterSilent, DeploymentUnfit) as error:
                if every_cluster:
                    raise
                log.warning("cluster.unusable", cluster=name, detail=error.detail)
        if declare or not await is_registered(self.system()):
            await register_release(self.system(), self.migrator.release, at)
        if await self.migrator.leads():
            await schema.bring(self.system().raw, self.declared.system)
        elif declare:
            log.warning("release.does_not_lead", detail=_NOT_LEADING)

    @asynccontextmanager
    async def running(self, *, slots: int = 0) -> AsyncGenerator[None]:
        """Hear changes and close idle clients while the block runs; close every client after it.

        `slots` is how many jobs this process runs at once.
        """
        try:
            pool = self.tenancy.pool
            telling = reporting(self.system(), self.freshness, pool, self.key_ids, _REPORT_EVERY, slots)
            async with self.freshness.listening(), pool.sweeping(), telling:
                yield
            await self.limits.give_all_back()
        finally:
            await self.clusters.close()

    async def close(self) -> None:
        """Close every client of a process that does not run on."""
        await self.tenancy.pool.close()
        await self.clusters.close()


def deploy(
    clusters: Clusters,
    declared: Declared,
    cipher: Cipher,
    *,
    bounds: Bounds | None = None,
    observe: Observer = log_step,
) -> Deployment:
    """Put the parts together; connects to nothing yet. `observe` is told each step of a tenant's life."""
    bounds = bounds or Bounds()
    shape, naming = declared.shape, declared.naming

    def system() -> SystemDatabase:
        return SystemDatabase(clusters.client(clusters.names[0])[naming.system])

    freshness = Freshness(system(), declared.watched)
    catalog = Catalog(system(), freshness, size=bounds.catalog_size)
    credentials = Credentials(naming, clusters, catalog, cipher, shape.collections, observe=observe)
    placement = Placement(clusters, table_limit=bounds.table_limit)
    release = schema.fingerprint([*shape.collections, *declared.system], shape.data_version)
    migrator = Migrator(
        system(), catalog, placement, shape, release, credentials.prepare, pause=bounds.touch_pause
    )
    tenancy = Tenancy(
        naming=naming,
        clusters=clusters,
        catalog=catalog,
        credentials=credentials,
        pool=ClientPool(bounds.pool),
        migrator=migrator,
    )
    provisioner = Provisioner(
        naming=naming,
        clusters=clusters,
        catalog=catalog,
        placement=placement,
        shape=shape,
        new_id=declared.new_id,
        limits=declared.limits,
        observe=observe,
    )
    erasure = Erasure(
        system(),
        clusters=clusters,
        catalog=catalog,
        credentials=credentials,
        shared=declared.system,
        owner_of=declared.owner_of,
        removers=declared.removers,
        fence=bounds.erase_fence,
        observe=observe,
    )
    limits = Limits(system, lambda: datetime.now(UTC))
    importer = Importer(
        system=system,
        naming=naming,
        clusters=clusters,
        catalog=catalog,
        placement=placement,
        tenancy=tenancy,
        migrator=migrator,
        provisioner=provisioner,
        erasure=erasure,
        portable=declared.portable,
        allowed=declared.limits,
        limits=limits,
        counters=declared.counters,
        new_key=declared.new_key,
        is_key=declared.is_key,
        observe=observe,
    )
    traffic = Traffic(
        rate=declared.request_rate, at_once=declared.requests_at_once, pause=bounds.refusal_pause
    )
    care = Care(
        tenancy=tenancy,
        clusters=clusters,
        provisioner=provisioner,
        erasure=erasure,
        credentials=credentials,
        migrator=migrator,
        collections=shape.collections,
        limits=limits,
        counters=declared.counters,
    )
    return Deployment(
        declared=declared,
        key_ids=cipher.key_ids,
        clusters=clusters,
        system=system,
        freshness=freshness,
        tenancy=tenancy,
        placement=placement,
        provisioner=provisioner,
        credentials=credentials,
        migrator=migrator,
        erasure=erasure,
        importer=importer,
        limits=limits,
        places=Places(system, lambda: datetime.now(UTC)),
        traffic=traffic,
        care=care,
    )
