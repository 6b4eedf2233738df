"""The one-second rule: what is cached may be used only while we would have heard of a change.

Each process writes a heartbeat and waits for it in its own change stream over the shared database.
Whoever sees a heartbeat has seen every change committed before it was written. An entry counts when it
was read less than a second ago, or when the last heartbeat that came back was *written* less than a
second ago; else it is read again. So a revocation holds everywhere within a second, also in a process
that was paused, and a process that cannot read answers with an error instead of an old permission.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, NamedTuple, TypeVar

from bson import ObjectId
from pymongo.errors import PyMongoError

from jazzaam.errors import Unavailable
from jazzaam.logging import get_logger
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import SystemDatabase

log = get_logger(__name__)

MAXIMUM_AGE_SECONDS: Final = 1.0
_SILENT_SECONDS: Final = 3.0
HEARTBEATS: Final = CollectionSpec(
    "heartbeats",
    indexes=(IndexSpec("forgets processes that ended", (("at", 1),), expire_after=timedelta(minutes=1)),),
)

Key = TypeVar("Key")
Value = TypeVar("Value")


class Source(NamedTuple):
    """A document that a cached value was made from: its collection and its `_id`."""

    collection: str
    id: Any


class Freshness:
    """This process's ear on the shared database; see the module's text.

    It listens as long as the process lives. Where it does not, everything still works: entries are then
    re-read when they are a second old.
    """

    def __init__(
        self,
        system: SystemDatabase,
        watched: Sequence[str],
        *,
        beat_every: timedelta = timedelta(milliseconds=300),
    ) -> None:
        self._system = system
        self._watched = list(watched)
        self._beat_every = beat_every.total_seconds()
        self.process_id = self._me = ObjectId()
        self._beats: OrderedDict[int, float] = OrderedDict()
        self._heard_written_at = float("-inf")
        self._listeners: list[Callable[[Source | None], None]] = []
        self._listening = False
        self._since = self._heard_at = float("-inf")

    def hears(self, now: float) -> bool:
        """Tell whether nothing older than a second can have escaped us; `now` is monotonic seconds."""
        return now - self._heard_written_at < MAXIMUM_AGE_SECONDS

    def is_silent(self, now: float) -> bool:
        """Check whether the database that this process listens to was not heard of for 3 seconds."""
        return self._listening and now - max(self._heard_at, self._since) > _SILENT_SECONDS

    def listen(self, listener: Callable[[Source | None], None]) -> None:
        """Call `listener` with every changed document, or with `None` when any may have changed."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Write heartbeats and hear changes while the block runs; a broken stream is opened again."""
        tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._hear())]
        self._listening, self._since = True, time.monotonic()
        try:
            yield
        finally:
            self._listening = False
            await end_tasks(tasks)
            with contextlib.suppress(PyMongoError, TimeoutError):
                async with asyncio.timeout(MAXIMUM_AGE_SECONDS):
                    await self._system[HEARTBEATS].delete_many({"_id": self._me})

    async def _beat(self) -> None:
        number = 0
        while True:
            number += 1
            self._beats[number] = time.monotonic()
            while len(self._beats) > 64:  # noqa: PLR2004 - twenty seconds of beats
                self._beats.popitem(last=False)
            with contextlib.suppress(PyMongoError):
                await self._system[HEARTBEATS].update_one(
                    {"_id": self._me},
                    {"$set": {"n": number, "at": datetime.now(UTC)}},
                    upsert=True,
                )
            await asyncio.sleep(self._beat_every)

    async def _hear(self) -> None:
        while True:
            try:
                await self._follow()
            except PyMongoError as error:
                log.warning("freshness.stream_broken", error=type(error).__name__)
                await asyncio.sleep(self._beat_every)

    async def _follow(self) -> None:
        of_interest = {
            "$or": [
                {"ns.coll": {"$in": self._watched}},
                {"ns.coll": HEARTBEATS.name, "documentKey._id": self._me},
            ]
        }
        shown = {
            "operationType": 1,
            "ns": 1,
            "documentKey": 1,
            "beat": "$updateDescription.updatedFields.n",
        }
        async with await self._system.watch(
            [{"$match": of_interest}, {"$project": shown}], max_await_time_ms=500
        ) as stream:
            self._tell(None)
            async for event in stream:
                self._take(event)
                if not stream.alive:
                    break
        self._heard_written_at = float("-inf")

    def _take(self, event: dict[str, Any]) -> None:
        if event["operationType"] not in ("insert", "update", "replace", "delete"):
            self._tell(None)
        elif event["ns"]["coll"] == HEARTBEATS.name:
            self._heard_at = time.monotonic()
            written_at = self._beats.get(event.get("beat", 0))
            if written_at is not None:
                self._heard_written_at = max(self._heard_written_at, written_at)
        else:
            self._tell(Source(event["ns"]["coll"], event["documentKey"]["_id"]))

    def _tell(self, source: Source | None) -> None:
        for listener in self._listeners:
            listener(source)


class Loaded(NamedTuple, Generic[Value]):
    """A value that was read, and the documents it was made from."""

    value: Value
    sources: Sequence[Source]


class _Entry(Generic[Value]):
    __slots__ = ("loaded", "read_at")

    def __init__(self, loaded: Loaded[Value], read_at: float) -> None:
        self.loaded = loaded
        self.read_at = read_at


class _Read(NamedTuple, Generic[Value]):
    """What a read found (None: nothing), and when it began: it was true then or later."""

    value: Value | None
    began_at: float


class _Flight(NamedTuple, Generic[Value]):
    """A read under way, and how many changes had been told when it began."""

    told: int
    task: "asyncio.Task[_Read[Value]]"


class FreshCache(Generic[Key, Value]):
    """Values by key under the one-second rule, the least recently used dropped over `size` entries.

    `load` reads one; `None` (there is none) is not remembered, so that strangers cannot fill it.
    """

    def __init__(
        self,
        freshness: Freshness,
        load: Callable[[Key], Awaitable[Loaded[Value] | None]],
        *,
        size: int,
        patience_seconds: float = 5.0,
    ) -> None:
        self._freshness = freshness
        self._load = load
        self._size = size
        self._patience = patience_seconds
        self._flights: dict[Key, _Flight[Value]] = {}
        self._entries: OrderedDict[Key, _Entry[Value]] = OrderedDict()
        self._made_from: dict[Source, set[Key]] = {}
        self._told = 0
        self._told_of: OrderedDict[Source, int] = OrderedDict()
        self._everything_told = 0
        freshness.listen(self.forget)

    def peek(self, key: Key) -> Value | None:
        """Return what is cached and may be used; never waits."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        now = time.monotonic()
        if now - entry.read_at < MAXIMUM_AGE_SECONDS or self._freshness.hears(now):
            self._entries.move_to_end(key)
            return entry.loaded.value
        return None

    async def get(self, key: Key) -> Value | None:
        """Return the value, read again when the cached one may not be used; None when there is none.

        What a read found was true when it began, or later, so it may be used until a second after that,
        also when a change overtook it. One that took longer says nothing about now, and is made again.
        Who waits for the same key shares a read. Raises `Unavailable` when the database does not answer in
        time for as long as a request waits.
        """
        value = self.peek(key)
        if value is not None:
            return value
        ends_at = time.monotonic() + self._patience
        while True:
            try:
                async with asyncio.timeout(ends_at - time.monotonic()):
                    read = await asyncio.shield(self._flight(key).task)
            except TimeoutError:
                raise Unavailable from None
            if time.monotonic() - read.began_at < MAXIMUM_AGE_SECONDS:
                return read.value

    def _flight(self, key: Key) -> _Flight[Value]:
        """Return the read of a key that is under way, or a new one when a change was told meanwhile."""
        flight = self._flights.get(key)
        if flight is None or flight.told != self._told:
            flight = _Flight(self._told, asyncio.create_task(self._read(key)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        return flight

    def _landed(self, key: Key, task: "asyncio.Task[_Read[Value]]") -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:  # else a later read took its place
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be left

    async def _read(self, key: Key) -> _Read[Value]:
        """Read a key, and remember it unless a change overtook the read."""
        began_at, told = time.monotonic(), self._told
        loaded = await self._load(key)
        self._drop(key)
        if loaded is None:
            return _Read(None, began_at)
        in_time = time.monotonic() - began_at < MAXIMUM_AGE_SECONDS
        if in_time and not self._changed_since(told, loaded.sources):
            self._keep(key, _Entry(loaded, began_at))
        return _Read(loaded.value, began_at)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)

    def _keep(self, key: Key, entry: _Entry[Value]) -> None:
        self._entries[key] = entry
        for source in entry.loaded.sources:
            self._made_from.setdefault(source, set()).add(key)
        while len(self._entries) > self._size:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for source in set(entry.loaded.sources):
            keys = self._made_from[source]
            keys.discard(key)
            if not keys:
                del self._made_from[source]

    def _changed_since(self, told: int, sources: Sequence[Source]) -> bool:
        """Tell whether a change arrived while the value was being read."""
        return self._everything_told > told or any(
            self._told_of.get(source, 0) > told for source in sources
        )

    def forget(self, source: Source | None) -> None:
        """Drop what was made from a document, or with `None` everything.

        Heard changes call it; so does a writer, who must read its own write at once.
        """
        self._told += 1
        if source is None:
            self._everything_told = self._told
            self._entries.clear()
            self._made_from.clear()
            return
        self._told_of[source] = self._told
        self._told_of.move_to_end(source)
        if len(self._told_of) > 10_000:  # noqa: PLR2004 - more than can change during one read
            oldest = self._told_of.popitem(last=False)
            self._everything_told = max(self._everything_told, oldest[1])
        for key in tuple(self._made_from.get(source, ())):
            self._drop(key)
