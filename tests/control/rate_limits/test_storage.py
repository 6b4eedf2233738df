"""Our storage does what the library's own does, call by call; and without it nobody signs in."""

from __future__ import annotations

import asyncio
import time

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from pymongo.errors import ServerSelectionTimeoutError
from tests.conftest import PASSWORD

from jazzaam.control.rate_limits import MongoStorage, SharedRateLimits
from jazzaam.errors import TooManyRequests

CALLS = [
    ("get", "a"),
    ("incr", "a", 60),
    ("incr", "a", 60, 5),
    ("get", "a"),
    ("incr", "b", 60),
    ("get", "b"),
    ("get", "a"),
    ("clear", "a"),
    ("get", "a"),
    ("incr", "a", 60, 2),
    ("get", "a"),
    ("check",),
    ("clear", "unknown"),
    ("incr", "b", 60, 0),
    ("get", "b"),
]


@pytest.fixture
async def ours(plane):
    storage = MongoStorage(plane.db)
    await storage.reset()
    yield storage
    await storage.reset()


async def test_each_call_gives_what_the_librarys_own_storage_gives(ours):
    theirs = MemoryStorage()

    for name, *arguments in CALLS:
        given = [await getattr(storage, name)(*arguments) for storage in (ours, theirs)]
        assert given[0] == given[1], (name, arguments)


async def test_a_window_ends_when_it_was_to_end_however_often_it_is_used(ours):
    theirs = MemoryStorage()
    for _ in range(3):
        for storage in (ours, theirs):
            await storage.incr("a", 30)
        await asyncio.sleep(0.05)

    assert abs(await ours.get_expiry("a") - await theirs.get_expiry("a")) < 0.5
    assert 28 < await ours.get_expiry("a") - time.time() <= 30
    assert abs(await ours.get_expiry("unknown") - time.time()) < 1
    assert await ours.reset() == 1


async def test_the_librarys_limiter_lets_as_many_through_and_then_a_new_window_begins(ours):
    limiter, item = FixedWindowRateLimiter(ours), RateLimitItemPerSecond(3, 1)

    hits = [await limiter.hit(item, "somebody") for _ in range(5)]
    stats = await limiter.get_window_stats(item, "somebody")

    assert hits == [True, True, True, False, False]
    assert (stats.remaining, await limiter.test(item, "somebody")) == (0, False)
    assert await limiter.test(item, "somebody else")
    async with asyncio.timeout(3):
        while not await limiter.test(item, "somebody"):
            await asyncio.sleep(0.05)
    assert await limiter.hit(item, "somebody")


async def test_a_hundred_at_once_are_counted_each(ours):
    limiter, item = FixedWindowRateLimiter(ours), RateLimitItemPerMinute(40)

    hits = await asyncio.gather(*(limiter.hit(item, "crowd") for _ in range(100)))

    assert sum(hits) == 40


async def test_two_processes_count_together(plane, ours):
    limits = [SharedRateLimits(lambda: plane.db), SharedRateLimits(lambda: plane.db)]
    for number in range(4):
        await limits[number % 2].spend("tries", "somebody", limit=4, seconds=60)

    for one in limits:
        with pytest.raises(TooManyRequests) as refused:
            await one.spend("tries", "somebody", limit=4, seconds=60)
        assert 1 <= refused.value.retry_after_seconds <= 61


async def test_no_address_stands_among_the_counts(plane, ours):
    await SharedRateLimits(lambda: plane.db).spend("tries", "ada@example.com", limit=4, seconds=60)

    rows = [str(row) async for row in plane.db.raw["ratelimits"].find()]
    assert rows
    assert not [row for row in rows if "ada" in row]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/auth/login", {"password": PASSWORD}),
        ("/api/v1/auth/forgot-password", {}),
        (
            "/api/v1/auth/register",
            {"password": "a long enough password", "accountType": "user"},
        ),
    ],
)
async def test_when_it_cannot_be_counted_nobody_comes_in(client, app, acme, monkeypatch, path, body):
    async def away(*_args, **_kwargs):
        raise ServerSelectionTimeoutError("away")

    assert (await client.post(path, json={"email": acme.email, **body})).status_code < 300
    monkeypatch.setattr(MongoStorage, "incr", away)

    answer = await client.post(path, json={"email": acme.email, **body})

    assert answer.status_code == 503
    assert "retry-after" in answer.headers
