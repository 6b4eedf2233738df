"""The clients of dedicated tenants: at most so many are open, and one that is leased is never closed.

Why a pool at all: a dedicated tenant signs in to MongoDB as itself, and a client has one user, so each
such tenant in use costs a client with its sockets. Shared tenants need none of this.

What happens when every client is leased is a choice, `Overflow`: *wait* for one to come back, which
hides a short peak, or *refuse* at once, which keeps queues out of a process that is behind.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar

from jazzaam.logging import get_logger
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.errors import PoolExhausted

log = get_logger(__name__)


class Closable(Protocol):
    """What the pool holds."""

    async def close(self) -> None:
        """Give back what it holds open."""
        ...


Client = TypeVar("Client", bound=Closable)


class Overflow(StrEnum):
    """What a lease does while every client is leased."""

    wait = "wait"
    refuse = "refuse"


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """The pool's bounds.

    At most `size` clients exist, those being opened and closed included. One that nobody has leased for
    `idle_for` is closed by the sweep, made every `sweep_every`. With `Overflow.wait` a lease waits for
    `wait_for`; a connection may take that long too.
    """

    size: int = 50
    idle_for: timedelta = timedelta(minutes=5)
    sweep_every: timedelta = timedelta(minutes=1)
    overflow: Overflow = Overflow.wait
    wait_for: timedelta = timedelta(seconds=10)


DEFAULT_POLICY: Final = PoolPolicy()


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    """One open client: who leases it now, and for how many seconds it has been idle and open."""

    leases: int
    idle_seconds: float
    age_seconds: float


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """The pool now, and since it began (`opened`, `evicted`).

    `open` clients, those of them that are `leased`, and leases `waiting` for a client to be opened.
    """

    size: int
    open: int
    leased: int
    waiting: int
    opened: int
    evicted: int
    clients: Mapping[str, ClientStatistics]


class _Entry(Generic[Client]):
    """A client by its key, from the first lease that asks for it to its eviction."""

    __slots__ = ("idle_since", "leases", "opened_at", "opening")

    def __init__(self, opening: "asyncio.Task[Client]", at: float) -> None:
        self.opening = opening
        self.leases = 0
        self.opened_at = self.idle_since = at

    @property
    def is_open(self) -> bool:
        return self.opening.done() and not self.failed

    @property
    def failed(self) -> bool:
        done = self.opening.done()
        return done and (self.opening.cancelled() or self.opening.exception() is not None)


class Lease(Generic[Client]):
    """The right to use a client until it is given back."""

    __slots__ = ("_give_back", "client")

    def __init__(self, client: Client, give_back: Callable[[], None]) -> None:
        self.client = client
        self._give_back: Callable[[], None] | None = give_back

    def release(self) -> None:
        """Give the client back; safe to repeat."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class ClientPool(Generic[Client]):
    """Clients by key, opened when first leased. Belongs to one event loop.

    An entry is a client that is open, or one that somebody waits for. Each open one holds a slot from
    before it is opened until it is closed. While there are more entries than slots, a client that comes
    back is closed for the one that waits longest. `monotonic` is the clock of idle times, in seconds.
    """

    def __init__(
        self, policy: PoolPolicy = DEFAULT_POLICY, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.policy = policy
        self._now = monotonic
        self._entries: OrderedDict[str, _Entry[Client]] = OrderedDict()
        self._slots = asyncio.Semaphore(policy.size)
        self._ending: set[asyncio.Task[None]] = set()
        self._opened = self._evicted = 0
        self._ended = False

    async def lease(self, key: str, connect: Callable[[], Awaitable[Client]]) -> Lease[Client]:
        """Lease the client of `key`; however many ask at once, `connect` is called once.

        Raises `PoolExhausted` by the policy, and what `connect` raises: a failure is not remembered.
        """
        entry = self._entries.get(key)
        if entry is None or entry.failed:
            entry = self._begin(key, connect)
        self._entries.move_to_end(key)
        entry.leases += 1
        patience = asyncio.timeout(self.policy.wait_for.total_seconds())
        try:
            async with patience:
                client = await asyncio.shield(entry.opening)
        except BaseException:
            self._give_back(key, entry)
            if patience.expired():
                raise PoolExhausted from None
            raise
        return Lease(client, lambda: self._give_back(key, entry))

    def _begin(self, key: str, connect: Callable[[], Awaitable[Client]]) -> _Entry[Client]:
        if self._ended:
            raise PoolExhausted
        if len(self._entries) >= self.policy.size:
            self._evict_the_least_recently_used()
        if self.policy.overflow is Overflow.refuse and len(self._entries) >= self.policy.size:
            raise PoolExhausted
        entry = _Entry(asyncio.create_task(self._open(connect)), self._now())
        self._entries[key] = entry
        return entry

    async def _open(self, connect: Callable[[], Awaitable[Client]]) -> Client:
        await self._slots.acquire()
        try:
            client = await connect()
        except BaseException:
            self._slots.release()
            raise
        self._opened += 1
        return client

    def _give_back(self, key: str, entry: _Entry[Client]) -> None:
        entry.leases -= 1
        entry.idle_since = self._now()
        if entry.leases or self._entries.get(key) is not entry:
            return
        if not entry.is_open:  # it failed, or everybody who asked has gone
            del self._entries[key]
            self._end(asyncio.create_task(self._abandon(entry.opening)))
        elif len(self._entries) > self.policy.size:
            self._evict(key, entry)

    def _evict_the_least_recently_used(self) -> None:
        for key, entry in self._entries.items():
            if entry.is_open and not entry.leases:
                self._evict(key, entry)
                return

    def _evict(self, key: str, entry: _Entry[Client]) -> None:
        del self._entries[key]
        self._evicted += 1
        self._end(asyncio.create_task(self._close(entry.opening.result())))

    def _end(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _abandon(self, opening: "asyncio.Task[Client]") -> None:
        """End an opening; a driver that swallowed the cancellation has made a client all the same."""
        opening.cancel()
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            await self._close(opening.result())

    async def _close(self, client: Client) -> None:
        try:
            await client.close()
        except Exception as error:  # noqa: BLE001 - a client that cannot close is gone all the same
            log.warning("client_pool.close_failed", error=type(error).__name__)
        finally:
            self._slots.release()

    def sweep(self) -> int:
        """Close what has been idle too long; gives how many."""
        before = self._now() - self.policy.idle_for.total_seconds()
        idle = [
            (key, entry)
            for key, entry in self._entries.items()
            if entry.is_open and not entry.leases and entry.idle_since <= before
        ]
        for key, entry in idle:
            self._evict(key, entry)
        return len(idle)

    @asynccontextmanager
    async def sweeping(self) -> AsyncGenerator[None]:
        """Sweep while the block runs, and close everything after it; nothing is opened any more."""
        task = asyncio.create_task(self._sweep_on())
        try:
            yield
        finally:
            self._ended = True
            await end_tasks([task])
            await self.close()

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(self.policy.sweep_every.total_seconds())
            self.sweep()

    async def close(self) -> None:
        """Close every client, leased or not: the process ends."""
        for key, entry in tuple(self._entries.items()):
            if entry.is_open:
                self._evict(key, entry)
            else:
                del self._entries[key]
                self._end(asyncio.create_task(self._abandon(entry.opening)))
        while self._ending:
            await asyncio.wait(self._ending)

    def statistics(self) -> PoolStatistics:
        """Count."""
        now = self._now()
        clients = {
            key: ClientStatistics(
                leases=entry.leases,
                idle_seconds=0.0 if entry.leases else now - entry.idle_since,
                age_seconds=now - entry.opened_at,
            )
            for key, entry in self._entries.items()
            if entry.is_open
        }
        return PoolStatistics(
            size=self.policy.size,
            open=len(clients),
            leased=sum(client.leases > 0 for client in clients.values()),
            waiting=sum(entry.leases for entry in self._entries.values() if not entry.opening.done()),
            opened=self._opened,
            evicted=self._evicted,
            clients=clients,
        )
