"""What a tenant may use: how much, and how many at once. `tenancy.traffic` bounds its requests.

Nothing that many requests share is written in their transactions. A process reserves a block of units with
one atomic update that has the limit in its filter, and spends it in memory; what is left goes back. Near a
limit the blocks are single units, so it is met exactly but for what other processes hold.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from jazzaam.errors import JazzaamError
from jazzaam.logging import get_logger
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, SystemDatabase
from jazzaam.tenancy.models import Tenant, TenantId

log = get_logger(__name__)

USAGES: Final = CollectionSpec(
    "usages",
    indexes=(IndexSpec("whose numbers are to be counted again", (("countedAt", 1),)),),
    tenant_key="_id",
)
"""{_id: tenant, countedAt, <limit>[@<day or month>]: reserved, held: {<limit>: [{id, until}]}}."""

_REMEMBERED: Final = 20_000
_BLOCKS_IN_A_LIMIT: Final = 20
_REFUSED_SECONDS: Final = 1.0
_HELD_FOR: Final = timedelta(minutes=1)


class LimitKind(StrEnum):
    """What a limit bounds: things that are there, things done in a day or month, or things at once."""

    stock = "stock"
    a_day = "a day"
    a_month = "a month"
    held = "at once"
    rate = "a second"


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """A limit by its name; `what` words its unit, `block` is how many units a process reserves at most.

    `default` is allowed where a tenant's row says nothing; None is no limit.
    """

    name: str
    kind: LimitKind
    what: str
    default: int | None
    block: int = 1


class LimitReached(JazzaamError):
    """Your plan's limit is reached."""

    status = 402

    def __init__(self, spec: LimitSpec | None = None, allowed: int = 0) -> None:
        if spec is None:
            super().__init__()
            return
        per = f" {spec.kind}" if spec.kind is not LimitKind.stock else ""
        super().__init__(f"Your plan's limit is reached: {allowed} {spec.what}{per}.")
        self.members = {"limit": spec.name, "allowed": str(allowed)}


def allowed_to(tenant: Tenant, spec: LimitSpec) -> int | None:
    """Give how much of something a tenant may use; None is no limit."""
    return tenant.limits.get(spec.name, spec.default)


class _Block:
    """Units that this process has reserved and not spent."""

    __slots__ = ("left", "lock", "refused_until", "size")

    def __init__(self) -> None:
        self.left = 0
        self.size = 1
        self.refused_until = 0.0
        self.lock = asyncio.Lock()


class Reservation:
    """Units that one piece of work has reserved."""

    def __init__(self, limits: "Limits", tenant: Tenant) -> None:
        self._limits = limits
        self._tenant = tenant
        self._taken: list[tuple[LimitSpec, int]] = []

    async def take(self, spec: LimitSpec, count: int) -> None:
        """Reserve more; raises `LimitReached`."""
        await self._limits.reserve(self._tenant, spec, count)
        self._taken.append((spec, count))

    def give_back(self) -> None:
        """Say that none of it was used; safe to repeat."""
        while self._taken:
            self._limits.give_back(self._tenant, *self._taken.pop())


class Limits:
    """Counts what tenants use; `clock` tells days and months."""

    def __init__(self, system: Callable[[], SystemDatabase], clock: Callable[[], datetime]) -> None:
        self._system = system
        self._clock = clock
        self._blocks: OrderedDict[tuple[TenantId, str], _Block] = OrderedDict()
        self._returning: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reserving(self, tenant: Tenant) -> AsyncGenerator["Reservation"]:
        """Reserve units for a block of work, which gives all of them back when it raises."""
        reservation = Reservation(self, tenant)
        try:
            yield reservation
        except BaseException:
            reservation.give_back()
            raise

    async def reserve(
        self, tenant: Tenant, spec: LimitSpec, count: int = 1, *, anyway: bool = False
    ) -> None:
        """Reserve units before the work that uses them.

        Raises `LimitReached`, unless it is to be done `anyway`: then it only counts.
        """
        allowed = allowed_to(tenant, spec)
        if allowed is None:
            return
        block = self._block(tenant, spec)
        if block.left < count:
            async with block.lock:
                if block.left < count:
                    await self._refill(tenant, spec, block, count, allowed, anyway=anyway)
        block.left -= count

    def reserve_at_hand(self, tenant: Tenant, spec: LimitSpec, count: int) -> bool:
        """Reserve units if this process has them at hand: never waits, tells whether it had."""
        if allowed_to(tenant, spec) is None:
            return True
        block = self._block(tenant, spec)
        if block.left < count:
            return False
        block.left -= count
        return True

    def give_back(self, tenant: Tenant, spec: LimitSpec, count: int = 1) -> None:
        """Take back units that were not used, or whose use has ended."""
        if allowed_to(tenant, spec) is not None:
            block = self._block(tenant, spec)
            block.left += count
            block.refused_until = 0.0
            if block.left > 2 * block.size and self._returning is None:
                self._returning = asyncio.create_task(self._return_what_nobody_used())
                self._returning.add_done_callback(self._returned)

    async def used(self, tenant_id: TenantId) -> Document:
        """Read what is reserved, by the limit's name; what this process has left is not counted."""
        others = {"_id": 0, "held": 0, "countedAt": 0}
        row = await self._system()[USAGES].find_one({"_id": tenant_id}, others)
        found = dict(row or {})
        for (owner, field), block in self._blocks.items():
            if owner == tenant_id and field in found:
                found[field] -= block.left
        return found

    @asynccontextmanager
    async def held(self, tenant: Tenant, spec: LimitSpec) -> AsyncGenerator[None]:
        """Be one of so many at once, over all processes, for a block of work; raises `LimitReached`.

        The place of a process that ended without a word is free again after a minute.
        """
        allowed = allowed_to(tenant, spec)
        if allowed is None:
            yield
            return
        me = await self._take_place(tenant.id, spec, allowed)
        keeping = asyncio.create_task(self._keep_place(tenant.id, spec, me))
        try:
            yield
        finally:
            await end_tasks([keeping])
            await self._system()[USAGES].update_one(
                {"_id": tenant.id}, {"$pull": {f"held.{spec.name}": {"id": me}}}
            )

    async def counted(self, tenant_id: TenantId, counts: Mapping[str, int], at: datetime) -> None:
        """Put right what is reserved, by what was counted; windows that are over go."""
        row = await self._system()[USAGES].find_one({"_id": tenant_id}, {"held": 0}) or {}
        over = [name for name in row if "@" in name and name.partition("@")[2] < f"{at:%Y-%m}"]
        ours = {
            name: count + (block.left if (block := self._blocks.get((tenant_id, name))) else 0)
            for name, count in counts.items()
        }
        await self._system()[USAGES].update_one(
            {"_id": tenant_id},
            {"$set": {**ours, "countedAt": at}, **({"$unset": dict.fromkeys(over, "")} if over else {})},
            upsert=True,
        )

    async def uncounted(self, before: datetime, limit: int) -> list[TenantId]:
        """List tenants that use something and were not counted since a time."""
        rows = self._system()[USAGES].find(
            {"$or": [{"countedAt": {"$lt": before}}, {"countedAt": {"$exists": False}}]},
            {"_id": 1},
            limit=limit,
        )
        return [row["_id"] async for row in rows]

    async def give_all_back(self) -> None:
        """Give back every unit that is left: the process ends."""
        if self._returning is not None:
            await self._returning
        while self._blocks:
            (tenant_id, field), block = self._blocks.popitem()
            await self._return(tenant_id, field, block.left)

    def _returned(self, _task: "asyncio.Task[None]") -> None:
        self._returning = None

    def _block(self, tenant: Tenant, spec: LimitSpec) -> _Block:
        key = (tenant.id, self._field(spec))
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Block()
        self._blocks.move_to_end(key)
        return block

    def _field(self, spec: LimitSpec) -> str:
        """Name where a limit's units stand in the row: by day or month for what ends with one."""
        if spec.kind is LimitKind.a_day:
            return f"{spec.name}@{self._clock():%Y-%m-%d}"
        if spec.kind is LimitKind.a_month:
            return f"{spec.name}@{self._clock():%Y-%m}"
        return spec.name

    async def _refill(
        self, tenant: Tenant, spec: LimitSpec, block: _Block, count: int, allowed: int, *, anyway: bool
    ) -> None:
        if time.monotonic() < block.refused_until and not anyway:
            raise LimitReached(spec, allowed)
        block.size = max(1, min(spec.block, allowed // _BLOCKS_IN_A_LIMIT))
        missing = count - block.left
        for want in dict.fromkeys((max(missing, block.size), missing)):
            if want <= allowed and await self._take(tenant.id, self._field(spec), want, allowed):
                block.left += want
                return
        if anyway:
            await self._add(tenant.id, self._field(spec), missing)
            block.left += missing
            return
        block.refused_until = time.monotonic() + _REFUSED_SECONDS
        raise LimitReached(spec, allowed)

    async def _take(self, tenant_id: TenantId, field: str, want: int, allowed: int) -> bool:
        """Reserve `want` more where no more than `allowed` result."""
        room = {"_id": tenant_id, field: {"$not": {"$gt": allowed - want}}}
        try:
            return await self._system()[USAGES].update_one(room, {"$inc": {field: want}}, upsert=True)
        except DuplicateKeyError:  # the row is there, and has no such room
            return False

    async def _return_what_nobody_used(self) -> None:
        """Give back what came back beyond a block, and what was not touched for longest."""
        for (tenant_id, field), block in tuple(self._blocks.items()):
            if block.left > 2 * block.size:
                surplus, block.left = block.left - block.size, block.size
                await self._return(tenant_id, field, surplus)
        while len(self._blocks) > _REMEMBERED:
            (tenant_id, field), block = self._blocks.popitem(last=False)
            await self._return(tenant_id, field, block.left)

    async def _return(self, tenant_id: TenantId, field: str, count: int) -> None:
        if not count:
            return
        try:
            await self._add(tenant_id, field, -count)
        except PyMongoError as error:  # the nightly count puts it right
            log.warning("limits.not_given_back", tenant=tenant_id, error=type(error).__name__)

    async def _add(self, tenant_id: TenantId, field: str, count: int) -> None:
        await self._system()[USAGES].update_one(
            {"_id": tenant_id}, {"$inc": {field: count}}, upsert=count > 0
        )

    async def _take_place(self, tenant_id: TenantId, spec: LimitSpec, allowed: int) -> ObjectId:
        rows, now, me = self._system()[USAGES], self._clock(), ObjectId()
        place = f"held.{spec.name}"
        await rows.update_one({"_id": tenant_id}, {"$pull": {place: {"until": {"$lte": now}}}})
        try:
            taken = allowed > 0 and await rows.update_one(
                {"_id": tenant_id, f"{place}.{allowed - 1}": {"$exists": False}},
                {"$push": {place: {"id": me, "until": now + _HELD_FOR}}},
                upsert=True,
            )
        except DuplicateKeyError:
            taken = False
        if not taken:
            raise LimitReached(spec, allowed)
        return me

    async def _keep_place(self, tenant_id: TenantId, spec: LimitSpec, me: ObjectId) -> None:
        place = f"held.{spec.name}"
        while True:
            await asyncio.sleep(_HELD_FOR.total_seconds() / 3)
            await self._system()[USAGES].update_one(
                {"_id": tenant_id, f"{place}.id": me},
                {"$set": {f"{place}.$.until": self._clock() + _HELD_FOR}},
            )
