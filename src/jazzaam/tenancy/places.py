"""What a tenant may do at once, over all processes: imports, exports, streams."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from jazzaam.logging import get_logger
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.limits import USAGES, LimitReached, LimitSpec, allowed_to
from jazzaam.tenancy.models import Tenant, TenantId

log = get_logger(__name__)

_HELD_FOR: Final = timedelta(minutes=1)


class Places:
    """Holds places in a tenant's row of usages; `clock` tells the time."""

    def __init__(self, system: Callable[[], SystemDatabase], clock: Callable[[], datetime]) -> None:
        self._system = system
        self._clock = clock

    @asynccontextmanager
    async def held(self, tenant: Tenant, spec: LimitSpec) -> AsyncGenerator[None]:
        """Be one of so many at once for a block of work; raises `LimitReached`.

        The place of a process that ended without a word is free again after a minute.
        """
        allowed = allowed_to(tenant, spec)
        if allowed is None:
            yield
            return
        me = await self._take(tenant.id, spec, allowed)
        keeping = asyncio.create_task(self._keep(tenant.id, spec, me))
        try:
            yield
        finally:
            await end_tasks([keeping])
            await self._system()[USAGES].update_one(
                {"_id": tenant.id}, {"$pull": {f"held.{spec.name}": {"id": me}}}
            )

    async def _take(self, tenant_id: TenantId, spec: LimitSpec, allowed: int) -> ObjectId:
        rows, now, me = self._system()[USAGES], self._clock(), ObjectId()
        place = f"held.{spec.name}"
        await rows.update_one({"_id": tenant_id}, {"$pull": {place: {"until": {"$lte": now}}}})
        free = {"_id": tenant_id, f"{place}.{allowed - 1}": {"$exists": False}}
        push = {"$push": {place: {"id": me, "until": now + _HELD_FOR}}}
        try:
            taken = allowed > 0 and await rows.update_one(free, push, upsert=True)
        except DuplicateKeyError:  # the row is there: it has no such place, or came at this moment
            taken = await rows.update_one(free, push)
        if not taken:
            raise LimitReached(spec, allowed)
        return me

    async def _keep(self, tenant_id: TenantId, spec: LimitSpec, me: ObjectId) -> None:
        place = f"held.{spec.name}"
        while True:
            await asyncio.sleep(_HELD_FOR.total_seconds() / 3)
            try:
                await self._system()[USAGES].update_one(
                    {"_id": tenant_id, f"{place}.id": me},
                    {"$set": {f"{place}.$.until": self._clock() + _HELD_FOR}},
                )
            except PyMongoError as error:  # said again in a moment
                log.warning("places.not_kept", tenant=tenant_id, error=type(error).__name__)
