"""When each database is to be looked at: its next job that is due later, or whose lease may run out.

A relay remembers it, and writes it down for the relay that follows. What is written may be too early, never
too late: looking once for nothing costs little.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, SystemDatabase

JOB_CLOCKS: Final = CollectionSpec(
    "jobclocks",
    indexes=(
        IndexSpec("a cluster's clocks", (("cluster", 1),)),
        IndexSpec("a company's, when it goes", (("tenantId", 1),)),
    ),
    tenant_key="tenantId",
)
"""{_id: cluster and tenant, cluster, tenantId, dueAt}: when to look next; none where nothing waits."""

RELAYS: Final = CollectionSpec("relays")
"""{_id: cluster, holder, until, token, sweptAt}: who relays a cluster's jobs, and how far it is."""

_SLACK: Final = 1_000
_TOO_EARLY: Final = timedelta(seconds=30)
"""How much too early a clock may stand before it is written anew."""


class Clocks:
    """One cluster's clocks, by tenant (None: the shared database)."""

    def __init__(self, system: Callable[[], SystemDatabase], cluster: str) -> None:
        self._system = system
        self._cluster = cluster
        self._next: dict[str | None, datetime] = {}
        self._heap: list[tuple[datetime, int, str | None]] = []
        self._numbers = count()
        self._written: dict[str | None, datetime] = {}

    async def load(self) -> None:
        """Take over what the relay before wrote."""
        rows = self._system()[JOB_CLOCKS].find({"cluster": self._cluster}, {"tenantId": 1, "dueAt": 1})
        async for row in rows:
            self._written[row["tenantId"]] = row["dueAt"]
            self.note(row["tenantId"], row["dueAt"])

    def note(self, tenant_id: str | None, due_at: datetime) -> None:
        """Look at a tenant no later than this."""
        before = self._next.get(tenant_id)
        if before is None or due_at < before:
            self._next[tenant_id] = due_at
            heapq.heappush(self._heap, (due_at, next(self._numbers), tenant_id))
        if len(self._heap) > 2 * len(self._next) + _SLACK:
            self._heap = [(at, next(self._numbers), one) for one, at in self._next.items()]
            heapq.heapify(self._heap)

    def due(self, now: datetime) -> Iterator[str | None]:
        """Take those whose time has come."""
        while self._heap and self._heap[0][0] <= now:
            due_at, _, tenant_id = heapq.heappop(self._heap)
            if self._next.get(tenant_id) == due_at:
                del self._next[tenant_id]
                yield tenant_id

    @property
    def next_at(self) -> datetime | None:
        """Say when something is due."""
        return self._heap[0][0] if self._heap else None

    async def write(self, unfinished: set[str | None], now: datetime) -> None:
        """Write down when to look, in one request; tenants with `unfinished` work: at once."""
        wanted = {**self._next, **dict.fromkeys(unfinished, now)}
        operations = [
            one
            for tenant_id in wanted.keys() | self._written.keys()
            if (one := self._written_anew(tenant_id, wanted.get(tenant_id), now)) is not None
        ]
        if not operations:
            return
        try:
            await self._system()[JOB_CLOCKS].update_each(operations)
        except BaseException:
            self._written = {}  # nobody knows what is written: all of it is written again
            raise

    def _written_anew(
        self, tenant_id: str | None, wanted: datetime | None, now: datetime
    ) -> tuple[Document, Document | None] | None:
        """Change what is written when it is too late, or much too early."""
        written = self._written.get(tenant_id)
        key = {"_id": f"{self._cluster} {tenant_id or ''}"}
        if wanted is not None and (written is None or wanted < written):
            self._written[tenant_id] = wanted
            first = {"cluster": self._cluster, "tenantId": tenant_id}
            return key, {"$min": {"dueAt": wanted}, "$setOnInsert": first}
        if written is None or written > now - _TOO_EARLY or wanted == written:
            return None
        if wanted is None:
            del self._written[tenant_id]
            return {**key, "dueAt": written}, None
        self._written[tenant_id] = wanted
        return {**key, "dueAt": written}, {"$set": {"dueAt": wanted}}


class Seat:
    """The right to relay one cluster's jobs: one process has it, until its lease ends."""

    def __init__(
        self, system: Callable[[], SystemDatabase], cluster: str, holder: ObjectId, lease_for: timedelta
    ) -> None:
        self._system = system
        self._cluster = cluster
        self._holder = holder
        self._lease_for = lease_for

    async def take(self, now: datetime) -> bool:
        """Take the seat if nobody has it, or keep it; tells whether this process has it now."""
        try:
            return await self._system()[RELAYS].update_one(
                {"_id": self._cluster, "$or": [{"until": {"$lt": now}}, {"holder": self._holder}]},
                {"$set": {"holder": self._holder, "until": now + self._lease_for}},
                upsert=True,
            )
        except DuplicateKeyError:
            return False

    async def progress(self) -> tuple[Any | None, datetime | None]:
        """Read how far the cluster's changes were heard, and when all its databases were looked at last."""
        row = await self._system()[RELAYS].find_one({"_id": self._cluster}, {"token": 1, "sweptAt": 1})
        return (row.get("token"), row.get("sweptAt")) if row else (None, None)

    async def keep(self, token: Any | None, swept_at: datetime | None, now: datetime) -> bool:
        """Write progress down, and keep the seat; tells whether this process has it."""
        return await self._system()[RELAYS].update_one(
            {"_id": self._cluster, "holder": self._holder},
            {"$set": {"token": token, "sweptAt": swept_at, "until": now + self._lease_for}},
        )

    async def leave(self, now: datetime) -> None:
        """Let another process have the seat at once."""
        await self._system()[RELAYS].update_one(
            {"_id": self._cluster, "holder": self._holder}, {"$set": {"until": now - self._lease_for}}
        )


async def seats(system: SystemDatabase) -> list[Document]:
    """List who has each cluster's seat: {_id: cluster, holder, until}."""
    return [row async for row in system[RELAYS].find({}, {"holder": 1, "until": 1})]
