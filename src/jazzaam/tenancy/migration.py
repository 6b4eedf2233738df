"""Bring tenants to the declared shape: all of them after a release, or one when it is touched."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from pymongo.errors import DuplicateKeyError

from jazzaam.logging import get_logger
from jazzaam.tenancy import schema
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase
from jazzaam.tenancy.errors import TenantNotReady
from jazzaam.tenancy.models import Tenant, TenantId
from jazzaam.tenancy.schema import Difference, Shape

log = get_logger(__name__)

RELEASES: Final = CollectionSpec(
    "releases",
    indexes=(IndexSpec("the newest", (("number", 1),), unique=True),),
)
"""Each shape that was ever declared, by its fingerprint, numbered in the order they came."""
_SUPERSEDED_SECONDS: Final = 10.0


async def register_release(system: SystemDatabase, shape: Shape, at: datetime) -> None:
    """Write down that this shape is declared; safe to repeat, also by several processes at once."""
    rows = system[RELEASES]
    while await rows.find_one({"_id": shape.fingerprint}, {"_id": 1}) is None:
        last = await rows.find_one({}, {"number": 1}, sort=[("number", -1)])
        try:
            await rows.insert(
                {"_id": shape.fingerprint, "number": (last["number"] if last else 0) + 1, "at": at}
            )
        except DuplicateKeyError:
            continue


async def is_newest(system: SystemDatabase, shape: Shape) -> bool:
    """Tell whether no later shape was declared.

    While a release is rolled out its processes and those of the last one run side by side. Only the
    newest changes tenants: the older ones serve them as they find them.
    """
    newest = await system[RELEASES].find_one({}, {"_id": 1}, sort=[("number", -1)])
    return newest is None or newest["_id"] == shape.fingerprint


class Migrator:
    """Brings one tenant at a time to the shape.

    A request waits for it at most `touch_seconds`; the work goes on without it.
    """

    def __init__(
        self, system: SystemDatabase, catalog: Catalog, shape: Shape, *, touch_seconds: float = 10.0
    ) -> None:
        self.shape = shape
        self._system = system
        self._catalog = catalog
        self._touch_seconds = touch_seconds
        self._touching: dict[TenantId, asyncio.Task[None]] = {}
        self._left: dict[TenantId, str] = {}
        self._superseded_at = float("-inf")

    def is_behind(self, tenant: Tenant) -> bool:
        """Tell whether a tenant has another shape than ours."""
        return tenant.schema_fingerprint != self.shape.fingerprint

    async def leads(self) -> bool:
        """Tell whether this release is the newest, the only one that changes tenants."""
        return await is_newest(self._system, self.shape)

    async def migrate(self, db: TenantDatabase, *, validators: bool = True) -> list[Difference]:
        """Bring a tenant to the shape: collections and indexes first, then its data, one step at a time.

        Gives what differed. Safe to repeat after a crash: each data migration is noted when it has
        ended. Without `validators` the tenant stays marked as behind, so that the fleet's migration finds
        it. Raises what a migration raises, and the driver's errors.
        """
        tenant = db.tenant
        changed = await schema.bring(db.raw, self.shape.collections, validators=validators)
        for step in self.shape.migrations[tenant.data_version :]:
            await step.up(db)
            await self._catalog.alter(
                {"_id": tenant.id, "dataVersion": {"$lt": step.number}},
                {"$set": {"dataVersion": step.number}},
            )
        if validators:
            await self._catalog.alter(
                {"_id": tenant.id},
                {
                    "$set": {"schemaFingerprint": self.shape.fingerprint},
                    "$max": {"dataVersion": self.shape.data_version},
                },
            )
        log.info("tenant.migrated", tenant=tenant.id, differed=len(changed))
        return changed

    async def touch(self, tenant: Tenant, open_: Callable[[], Awaitable[TenantDatabase]]) -> None:
        """Migrate a tenant that a request found behind, on a handle of its own; many at once do it once.

        Does nothing when a later release runs beside this one. Raises `TenantNotReady` when it takes long,
        and after it failed.
        """
        if self._left.get(tenant.id) == tenant.schema_fingerprint:
            return
        if time.monotonic() - self._superseded_at < _SUPERSEDED_SECONDS:
            return
        task = self._touching.get(tenant.id)
        if task is None:
            task = asyncio.create_task(self._touch(tenant, open_))
            self._touching[tenant.id] = task
            task.add_done_callback(lambda _: self._touching.pop(tenant.id, None))
        try:
            async with asyncio.timeout(self._touch_seconds):
                await asyncio.shield(task)
        except TimeoutError:
            raise TenantNotReady from None
        except Exception as error:  # noqa: BLE001 - whatever a migration raised
            log.warning("tenant.touch_failed", tenant=tenant.id, error=type(error).__name__)
            raise TenantNotReady from None

    async def _touch(self, tenant: Tenant, open_: Callable[[], Awaitable[TenantDatabase]]) -> None:
        if not await self.leads():
            self._superseded_at = time.monotonic()
            return
        own_user = tenant.credential is not None
        with await open_() as db:
            await self.migrate(db, validators=not own_user)
        if own_user:
            self._left[tenant.id] = tenant.schema_fingerprint
