"""What a tenant may use. `tenancy.traffic` bounds its requests, `tenancy.places` what runs at once.

Nothing that many requests share is written in their transactions. A process reserves a block of units with
one atomic update that has the limit in its filter, and spends it in memory; what is left goes back. Near a
limit the blocks are single units, so it is met exactly but for what other processes hold.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pymongo.errors import DuplicateKeyError, PyMongoError

from jazzaam.errors import JazzaamError
from jazzaam.logging import get_logger
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, SystemDatabase, TenantDatabase
from jazzaam.tenancy.models import Tenant, TenantId

log = get_logger(__name__)

USAGES: Final = CollectionSpec(
    "usages",
    indexes=(IndexSpec("whose numbers are to be counted again", (("countedAt", 1),)),),
    tenant_key="_id",
)
"""{_id: tenant, countedAt, epochs, <limit>[@<day or month>]: reserved, held: {<limit>: [{id, until}]}}.

`epochs` counts for each limit how often its number was put right.
"""

_REMEMBERED: Final = 20_000
_BLOCKS_IN_A_LIMIT: Final = 20
_REFUSED_SECONDS: Final = 1.0
_GIVE_BACK_SECONDS: Final = 5.0


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


Counter = Callable[[TenantDatabase], Awaitable[int]]
"""Counts what there is of something in a tenant's database."""


async def count_all(counters: Mapping[str, Counter], db: TenantDatabase) -> Mapping[str, int]:
    """Count what there is of everything that is counted, by the limit's name."""
    return {name: await counter(db) for name, counter in counters.items()}


def allowed_to(tenant: Tenant, spec: LimitSpec) -> int | None:
    """Give how much of something a tenant may use; None is no limit."""
    return tenant.limits.get(spec.name, spec.default)


class _Block:
    """Units that this process has reserved and not spent.

    They count in one epoch of their number: when it is put right, they are void.
    """

    __slots__ = ("epoch", "left", "lock", "refused", "refused_until", "size")

    def __init__(self) -> None:
        self.left = 0
        self.size = 1
        self.epoch: int | None = None
        self.refused = 0
        self.refused_until = 0.0
        self.lock = asyncio.Lock()

    def add(self, count: int, epoch: int) -> None:
        """Add units that were reserved in an epoch."""
        if self.epoch is not None and self.epoch != epoch:
            self.left = 0
        self.epoch = epoch
        self.left += count

    def forget(self) -> None:
        """Hold nothing: what was reserved is void."""
        self.left, self.epoch = 0, None

    def refuses(self, count: int) -> bool:
        """Tell whether so much was refused a moment ago."""
        return count >= self.refused and time.monotonic() < self.refused_until

    def refuse(self, count: int) -> None:
        """Remember that so much was refused."""
        self.refused, self.refused_until = count, time.monotonic() + _REFUSED_SECONDS


class Reservation:
    """Units that one piece of work has reserved."""

    def __init__(self, limits: "Limits", tenant: Tenant) -> None:
        self._limits = limits
        self._tenant = tenant
        self._taken: list[tuple[LimitSpec, int, str | None]] = []

    async def take(self, spec: LimitSpec, count: int) -> None:
        """Reserve more; raises `LimitReached`."""
        field = await self._limits.reserve(self._tenant, spec, count)
        self._taken.append((spec, count, field))

    def give_back(self) -> None:
        """Say that none of it was used; safe to repeat."""
        while self._taken:
            spec, count, field = self._taken.pop()
            if field is not None:
                self._limits.give_back(self._tenant, spec, count, field)


class Limits:
    """Counts what tenants use; `clock` tells days and months."""

    def __init__(self, system: Callable[[], SystemDatabase], clock: Callable[[], datetime]) -> None:
        self._system = system
        self._clock = clock
        self._blocks: OrderedDict[tuple[TenantId, str], _Block] = OrderedDict()
        self._returning: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reserving(self, tenant: Tenant) -> AsyncGenerator[Reservation]:
        """Reserve units for a block of work, which gives all of them back when it raises."""
        reservation = Reservation(self, tenant)
        try:
            yield reservation
        except BaseException:
            reservation.give_back()
            raise

    async def reserve(
        self, tenant: Tenant, spec: LimitSpec, count: int = 1, *, anyway: bool = False
    ) -> str | None:
        """Reserve units before the work that uses them; gives where they count, None where nothing does.

        Raises `LimitReached`, unless it is to be done `anyway`: then it only counts.
        """
        allowed = allowed_to(tenant, spec)
        if allowed is None:
            return None
        field = self._field(spec)
        block = self._block(tenant.id, field)
        while block.left < count:
            async with block.lock:
                if block.left < count:
                    refill = self._refill(tenant.id, field, spec, block, count, allowed, anyway=anyway)
                    await asyncio.shield(refill)  # what it reserves is ours, also when nobody waits for it
        block.left -= count
        return field

    def reserve_at_hand(self, tenant: Tenant, spec: LimitSpec, count: int) -> bool:
        """Reserve units if this process has them at hand: never waits, tells whether it had."""
        if allowed_to(tenant, spec) is None:
            return True
        block = self._block(tenant.id, self._field(spec))
        if block.left < count:
            return False
        block.left -= count
        return True

    def give_back(self, tenant: Tenant, spec: LimitSpec, count: int = 1, field: str | None = None) -> None:
        """Take back units that were not used, or whose use has ended; `field` as `reserve` gave it."""
        if allowed_to(tenant, spec) is None:
            return
        block = self._block(tenant.id, field or self._field(spec))
        block.left += count
        block.refused_until = 0.0
        if block.left > 2 * block.size and self._returning is None:
            self._returning = asyncio.create_task(self._return_what_nobody_used())
            self._returning.add_done_callback(self._returned)

    async def used(self, tenant_id: TenantId) -> Document:
        """Read what is reserved, by the limit's name; what this process has left is not counted."""
        found = await self._row(tenant_id)
        for other in ("epochs", "countedAt"):
            found.pop(other, None)
        for (owner, field), block in self._blocks.items():
            if owner == tenant_id and field in found:
                found[field] -= block.left
        return found

    async def counted(
        self,
        tenant_id: TenantId,
        count: Callable[[], Awaitable[Mapping[str, int]]],
        at: datetime,
    ) -> None:
        """Put right what is reserved, by what `count` counts; windows that are over go.

        What is reserved while it counts still counts; what processes had reserved before and not spent is
        void. Does nothing when another process did the same meanwhile.
        """
        before = await self._row(tenant_id)
        counts = await count()
        over = [name for name in before if "@" in name and name.partition("@")[2] < f"{at:%Y-%m}"]
        wrong = {name: number - before.get(name, 0) for name, number in counts.items()}
        epochs = {f"epochs.{name}": 1 for name in counts}
        with contextlib.suppress(DuplicateKeyError):
            await self._system()[USAGES].update_one(
                {"_id": tenant_id, "countedAt": before.get("countedAt")},
                {
                    "$inc": {**wrong, **epochs},
                    "$set": {"countedAt": at},
                    **({"$unset": dict.fromkeys(over, "")} if over else {}),
                },
                upsert=not before,
            )
            for name in counts:
                if (tenant_id, name) in self._blocks:
                    self._blocks[tenant_id, name].forget()

    async def uncounted(self, before: datetime, limit: int) -> list[TenantId]:
        """List tenants that use something and were not counted since a time."""
        rows = self._system()[USAGES].find(
            {"$or": [{"countedAt": {"$lt": before}}, {"countedAt": {"$exists": False}}]},
            {"_id": 1},
            limit=limit,
        )
        return [row["_id"] async for row in rows]

    async def put_off(self, tenant_id: TenantId, at: datetime) -> None:
        """Say that a tenant could not be counted: it is due again after a day."""
        await self._system()[USAGES].update_one({"_id": tenant_id}, {"$set": {"countedAt": at}})

    async def give_all_back(self) -> None:
        """Give back every unit that is left: the process ends. What cannot go in 5 seconds stays."""
        try:
            async with asyncio.timeout(_GIVE_BACK_SECONDS):
                if self._returning is not None:
                    await self._returning
                while self._blocks:
                    (tenant_id, field), block = self._blocks.popitem()
                    await self._return(tenant_id, field, block, block.left)
        except TimeoutError:
            if self._blocks:
                log.warning("limits.not_given_back", blocks=len(self._blocks))

    def _returned(self, _task: "asyncio.Task[None]") -> None:
        self._returning = None

    def _block(self, tenant_id: TenantId, field: str) -> _Block:
        key = (tenant_id, field)
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
        self,
        tenant_id: TenantId,
        field: str,
        spec: LimitSpec,
        block: _Block,
        count: int,
        allowed: int,
        *,
        anyway: bool,
    ) -> None:
        if block.refuses(count) and not anyway:
            raise LimitReached(spec, allowed)
        block.size = max(1, min(spec.block, allowed // _BLOCKS_IN_A_LIMIT))
        missing = count - block.left
        for want in dict.fromkeys((max(missing, block.size), missing)):
            if want <= allowed and await self._take(tenant_id, field, block, want, allowed):
                return
        if not anyway:
            block.refuse(count)
            raise LimitReached(spec, allowed)
        await self._take(tenant_id, field, block, missing, None)

    async def _take(
        self, tenant_id: TenantId, field: str, block: _Block, want: int, allowed: int | None
    ) -> bool:
        """Reserve `want` more where no more than `allowed` result; tells whether it could."""
        room = {} if allowed is None else {field: {"$not": {"$gt": allowed - want}}}
        rows, taken = self._system()[USAGES], {"$inc": {field: want}}
        where, shown = {"_id": tenant_id, **room}, {"epochs": 1}
        try:
            row = await rows.find_one_and_update(where, taken, shown, upsert=True)
        except DuplicateKeyError:  # the row is there: it has no such room, or came at this moment
            row = await rows.find_one_and_update(where, taken, shown)
        if row is None:
            return False
        block.add(want, row.get("epochs", {}).get(field, 0))
        return True

    async def _return_what_nobody_used(self) -> None:
        """Give back what came back beyond a block, and what was not touched for longest."""
        for (tenant_id, field), block in tuple(self._blocks.items()):
            if block.left > 2 * block.size:
                surplus, block.left = block.left - block.size, block.size
                await self._return(tenant_id, field, block, surplus)
        while len(self._blocks) > _REMEMBERED:
            (tenant_id, field), block = self._blocks.popitem(last=False)
            await self._return(tenant_id, field, block, block.left)

    async def _return(self, tenant_id: TenantId, field: str, block: _Block, count: int) -> None:
        """Give units back in their epoch; never below nothing, since some were used before they counted."""
        if not count:
            return
        whose: Document = {"_id": tenant_id}
        if block.epoch is not None:
            whose[f"epochs.{field}"] = {"$in": [block.epoch, None] if block.epoch == 0 else [block.epoch]}
        fewer = {"$max": [0, {"$subtract": [{"$ifNull": [f"${field}", 0]}, count]}]}
        try:
            there = await self._system()[USAGES].update_one(whose, [{"$set": {field: fewer}}])
        except PyMongoError as error:  # the nightly count puts it right
            log.warning("limits.not_given_back", tenant=tenant_id, error=type(error).__name__)
            return
        if not there:  # the numbers were put right meanwhile: what is left of that epoch is void
            block.forget()

    async def _row(self, tenant_id: TenantId) -> Document:
        others = {"_id": 0, "held": 0}
        return dict(await self._system()[USAGES].find_one({"_id": tenant_id}, others) or {})
