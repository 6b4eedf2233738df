"""Bring tenants to the declared shape: all of them after a release, or one when it is touched."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from pymongo.errors import DuplicateKeyError

from jazzaam.errors import Conflict
from jazzaam.logging import get_logger
from jazzaam.tenancy import schema
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase
from jazzaam.tenancy.errors import DatabaseLost, TenantBusy, TenantNotReady
from jazzaam.tenancy.models import Tenant, TenantId, TenantStatus
from jazzaam.tenancy.placement import Placement
from jazzaam.tenancy.schema import Difference, Shape

log = get_logger(__name__)

RELEASES: Final = CollectionSpec(
    "releases",
    indexes=(IndexSpec("the newest", (("number", 1),), unique=True),),
)
"""Each release that ever was here, by the fingerprint of all it declares, numbered as they came."""
_SUPERSEDED_SECONDS: Final = 10.0
_HAVE_DATA: Final = (TenantStatus.active, TenantStatus.suspended)


class Superseded(Conflict):
    """This release does not lead here: another was declared after it, or it was never started."""


async def register_release(
    system: SystemDatabase, release: str, at: datetime, *, again: bool = False
) -> None:
    """Write down that a release is here; safe to repeat, also by several processes at once.

    One that was here before keeps its place, unless it is to lead `again`: after a rollback.
    """
    rows = system[RELEASES]
    while True:
        newest = await rows.find_one({}, {"number": 1}, sort=[("number", -1)])
        leads = newest is not None and newest["_id"] == release
        if leads or (not again and await rows.count({"_id": release})):
            return
        place = {"number": (newest["number"] if newest else 0) + 1, "at": at}
        try:
            await rows.update_one(
                {"_id": release}, {"$set" if again else "$setOnInsert": place}, upsert=True
            )
        except DuplicateKeyError:  # another took that number
            continue


async def is_registered(system: SystemDatabase) -> bool:
    """Tell whether any release was ever declared."""
    return await system[RELEASES].find_one({}, {"_id": 1}) is not None


async def is_newest(system: SystemDatabase, release: str) -> bool:
    """Tell whether no later release was here.

    While a release is rolled out its processes and those of the last one run side by side. Only the
    newest changes tenants: the older ones serve them as they find them.
    """
    newest = await system[RELEASES].find_one({}, {"_id": 1}, sort=[("number", -1)])
    return newest is None or newest["_id"] == release


class Migrator:
    """Brings one tenant at a time to the shape that `release` declares.

    `prepare_dedicated` makes what a dedicated tenant's own user cannot. A request waits for a tenant at
    most `touch_seconds`; the work goes on without it. One that failed is not tried again by requests for
    `pause`.
    """

    def __init__(
        self,
        system: SystemDatabase,
        catalog: Catalog,
        placement: Placement,
        shape: Shape,
        release: str,
        prepare_dedicated: Callable[[Tenant], Awaitable[None]],
        *,
        touch_seconds: float = 10.0,
        pause: timedelta = timedelta(seconds=10),
    ) -> None:
        self.shape = shape
        self.release = release
        self._system = system
        self._prepare_dedicated = prepare_dedicated
        self._catalog = catalog
        self._placement = placement
        self._touch_seconds = touch_seconds
        self._pause = pause.total_seconds()
        self._touching: dict[TenantId, asyncio.Task[None]] = {}
        self._failed: dict[TenantId, float] = {}
        self._superseded_at = float("-inf")

    def is_behind(self, tenant: Tenant) -> bool:
        """Tell whether a tenant has another shape than ours."""
        return tenant.schema_fingerprint != self.shape.fingerprint

    async def leads(self) -> bool:
        """Tell whether this release is the newest, the only one that changes tenants."""
        return await is_newest(self._system, self.release)

    async def require_lead(self) -> None:
        """Go on only if this release leads; raises `Superseded`."""
        if not await self.leads():
            raise Superseded

    async def migrate(self, db: TenantDatabase) -> list[Difference]:
        """Bring a tenant to the shape: collections and indexes first, then its data, one step at a time.

        Gives what differed. Safe to repeat after a crash: each data migration is noted when it has ended.
        Acts as *operator* where a tenant is dedicated, whose own user may not. Raises `Superseded`,
        `DatabaseLost` for a company without any of its collections, since an empty database in its place
        would hide that, `ClusterFull`, `TenantBusy` when it was changed meanwhile, what a migration raises,
        and the driver's errors.
        """
        await self.require_lead()
        tenant = db.tenant
        differing = await schema.differences(db.raw, self.shape.collections)
        if tenant.status in _HAVE_DATA and schema.is_nothing_there(differing, self.shape.collections):
            raise DatabaseLost
        tables = schema.tables_missing(differing, self.shape.collections)
        await self._placement.require_room(tenant.cluster, tables)
        changed = await schema.bring(db.raw, self.shape.collections, differing)
        if tenant.credential is not None:
            await self._prepare_dedicated(tenant)
        for step in self.shape.migrations[tenant.data_version :]:
            await step.up(db)
            await self._catalog.alter(
                {"_id": tenant.id, "life": tenant.life, "dataVersion": {"$lt": step.number}},
                {"$set": {"dataVersion": step.number}},
            )
        await self._stamp(tenant)
        log.info("tenant.migrated", tenant=tenant.id, differed=len(changed))
        return changed

    async def _stamp(self, tenant: Tenant) -> None:
        known = {"$in": [tenant.schema_fingerprint, self.shape.fingerprint]}
        stamped = await self._catalog.alter(
            {"_id": tenant.id, "life": tenant.life, "schemaFingerprint": known},
            {
                "$set": {"schemaFingerprint": self.shape.fingerprint},
                "$max": {"dataVersion": self.shape.data_version},
            },
        )
        if stamped is None:
            raise TenantBusy

    async def touch(self, tenant: Tenant, open_: Callable[[], Awaitable[TenantDatabase]]) -> None:
        """Migrate a tenant that a request found behind, on a handle of its own; many at once do it once.

        Does nothing when a later release runs beside this one, nor for a dedicated tenant, which is served
        as it is until the operator's migration finds it. Raises `TenantNotReady` when it takes long,
        and after it failed.
        """
        now = time.monotonic()
        if tenant.credential is not None:
            return
        if now - self._superseded_at < _SUPERSEDED_SECONDS:
            return
        if now - self._failed.get(tenant.id, float("-inf")) < self._pause:
            raise TenantNotReady
        task = self._touching.get(tenant.id)
        if task is None:
            task = asyncio.create_task(self._touch(open_))
            self._touching[tenant.id] = task
            task.add_done_callback(lambda _: self._touching.pop(tenant.id, None))
        try:
            async with asyncio.timeout(self._touch_seconds):
                await asyncio.shield(task)
        except TimeoutError:
            raise TenantNotReady from None
        except Exception as error:  # noqa: BLE001 - whatever a migration raised
            log.warning("tenant.touch_failed", tenant=tenant.id, error=type(error).__name__)
            self._failed[tenant.id] = time.monotonic()
            raise TenantNotReady from None
        self._failed.pop(tenant.id, None)

    async def _touch(self, open_: Callable[[], Awaitable[TenantDatabase]]) -> None:
        if not await self.leads():
            self._superseded_at = time.monotonic()
            return
        with await open_() as db:
            await self.migrate(db)
