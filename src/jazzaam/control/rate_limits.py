"""Counting, in the shared database, so that all processes count together."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from pymongo.errors import DuplicateKeyError, PyMongoError

from jazzaam.errors import TooManyRequests
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import SystemDatabase

_REFUSED_AT: Final = 10
"""Times the limit from which on slowing down is not enough."""

RATE_LIMITS: Final = CollectionSpec(
    "ratelimits",
    indexes=(IndexSpec("forgets windows that are over", (("endsAt", 1),), expire_after=timedelta()),),
)


class MongoStorage(Storage):
    """Storage for `limits` over PyMongo's asynchronous client; its own needs Motor, which has ended."""

    STORAGE_SCHEME: list[str] | None = None

    def __init__(self, system: SystemDatabase) -> None:
        super().__init__()
        self._counters = system[RATE_LIMITS]

    @property
    def base_exceptions(self) -> type[Exception]:
        """Say what a failing store raises."""
        return PyMongoError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, in a window that begins with its first use and lasts `expiry` seconds."""
        now = datetime.now(UTC)
        counted = await self._counters.find_one_and_update(
            {"_id": key, "endsAt": {"$gt": now}}, {"$inc": {"count": amount}}, {"count": 1}
        )
        if counted is not None:
            return int(counted["count"])
        window = {"_id": key, "count": amount, "endsAt": now + timedelta(seconds=expiry)}
        await self._counters.delete_many({"_id": key, "endsAt": {"$lte": now}})
        try:
            await self._counters.insert(window)
        except DuplicateKeyError:  # somebody began the window just now
            return await self.incr(key, expiry, amount)
        return amount

    async def get(self, key: str) -> int:
        """Give the count of the running window."""
        found = await self._counters.find_one(
            {"_id": key, "endsAt": {"$gt": datetime.now(UTC)}}, {"count": 1}
        )
        return int(found["count"]) if found else 0

    async def get_expiry(self, key: str) -> float:
        """Give when the running window ends, as a Unix time; now when there is none."""
        found = await self._counters.find_one({"_id": key}, {"endsAt": 1})
        return (found["endsAt"] if found else datetime.now(UTC)).timestamp()

    async def check(self) -> bool:
        """Tell whether the store answers."""
        try:
            await self._counters.find_one({"_id": ""}, {"_id": 1})
        except PyMongoError:
            return False
        return True

    async def reset(self) -> int | None:
        """Forget every count; gives how many there were."""
        return await self._counters.delete_many({})

    async def clear(self, key: str) -> None:
        """Forget one count."""
        await self._counters.delete_many({"_id": key})


class SharedRateLimits:
    """`web.RateLimits` for all processes together."""

    def __init__(self, system: Callable[[], SystemDatabase], *, pause_seconds: float = 2.0) -> None:
        self._system = system
        self._pause_seconds = pause_seconds

    @cached_property
    def _storage(self) -> MongoStorage:
        return MongoStorage(self._system())

    @cached_property
    def _limiter(self) -> FixedWindowRateLimiter:
        return FixedWindowRateLimiter(self._storage)

    async def refund(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Take one use back that was counted, and was none."""
        item = RateLimitItemPerSecond(limit, seconds, namespace=name)
        await self._storage.incr(item.key_for(_hashed(key)), item.get_expiry(), -1)

    async def forget(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Begin to count anew."""
        item = RateLimitItemPerSecond(limit, seconds, namespace=name)
        await self._storage.clear(item.key_for(_hashed(key)))

    async def slow_down(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Count one use; over `limit` in `seconds` it waits, over ten times as many it is refused.

        What one network, or a few, can use up must not be closed to everybody. Raises `TooManyRequests`.
        """
        await self.spend(name, key, limit=_REFUSED_AT * limit, seconds=seconds)
        item = RateLimitItemPerSecond(_REFUSED_AT * limit, seconds, namespace=name)
        if await self._storage.get(item.key_for(_hashed(key))) > limit:
            await asyncio.sleep(self._pause_seconds)

    async def spend(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Count one use of `name` by `key`; raises `TooManyRequests` over `limit` in `seconds`.

        Keys are stored hashed: a list of limits is no list of addresses.
        """
        item = RateLimitItemPerSecond(limit, seconds, namespace=name)
        hashed = _hashed(key)
        if not await self._limiter.hit(item, hashed):
            window = await self._limiter.get_window_stats(item, hashed)
            wait = max(1, int(window.reset_time - datetime.now(UTC).timestamp()) + 1)
            raise TooManyRequests(retry_after_seconds=wait)


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
