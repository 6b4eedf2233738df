"""The one-second rule, with a real change stream, and with one that cannot hear."""

import asyncio
import time

import pytest

from jazzaam.errors import Unavailable
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.freshness import FreshCache, Freshness, Loaded, Source


@pytest.fixture
def system(app, application):
    return application.deployment.system()


class Reads:
    """Loads a row of the catalog, and counts."""

    def __init__(self, system):
        self.system, self.count, self.pause = system, 0, 0.0

    async def __call__(self, key):
        self.count += 1
        row = await self.system[TENANTS].find_one({"_id": key}, {"status": 1})
        await asyncio.sleep(self.pause)
        return row and Loaded(row["status"], [Source(TENANTS.name, key)])


async def listening_cache(system, size=100):
    freshness = Freshness(system, [TENANTS.name])
    reads = Reads(system)
    return freshness, reads, FreshCache(freshness, reads, size=size)


async def until(true):
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


async def test_while_it_hears_it_reads_once(system, acme):
    freshness, reads, cache = await listening_cache(system)
    async with freshness.listening():
        await until(lambda: freshness.hears(time.monotonic()))
        assert await cache.get(acme.id) == "active"
        await asyncio.sleep(1.2)
        assert cache.peek(acme.id) == "active"
        assert reads.count == 1


async def test_a_change_is_heard_at_once(system, acme):
    freshness, _, cache = await listening_cache(system)
    async with freshness.listening():
        await until(lambda: freshness.hears(time.monotonic()))
        await cache.get(acme.id)

        await system[TENANTS].update_one({"_id": acme.id}, {"$set": {"status": "suspended"}})

        async with asyncio.timeout(1):
            while await cache.get(acme.id) != "suspended":
                await asyncio.sleep(0.005)


async def test_without_hearing_an_entry_lasts_a_second_and_is_read_again(system, acme):
    _, reads, cache = await listening_cache(system)

    await cache.get(acme.id)
    await system[TENANTS].update_one({"_id": acme.id}, {"$set": {"status": "suspended"}})
    assert cache.peek(acme.id) == "active"
    await asyncio.sleep(1.01)

    assert cache.peek(acme.id) is None
    assert await cache.get(acme.id) == "suspended"
    assert reads.count == 2


async def test_a_process_that_slept_believes_nothing(system, acme):
    """As after SIGSTOP: the loop does not run, and the last heartbeat grows old."""
    freshness, _, cache = await listening_cache(system)
    async with freshness.listening():
        await until(lambda: freshness.hears(time.monotonic()))
        await cache.get(acme.id)
        time.sleep(1.5)

        assert not freshness.hears(time.monotonic())
        assert cache.peek(acme.id) is None


async def test_a_change_during_a_read_is_not_remembered_as_old(system, acme):
    freshness, reads, cache = await listening_cache(system)
    async with freshness.listening():
        await until(lambda: freshness.hears(time.monotonic()))
        reads.pause = 0.5
        reading = asyncio.create_task(cache.get(acme.id))
        await asyncio.sleep(0.2)
        await system[TENANTS].update_one({"_id": acme.id}, {"$set": {"status": "suspended"}})

        assert await reading == "active"  # it was, less than a second ago
        reads.pause = 0.0
        assert await cache.get(acme.id) == "suspended"


async def test_a_read_that_took_a_second_is_made_again(system, acme):
    _, reads, cache = await listening_cache(system)
    reads.pause = 1.05
    reading = asyncio.create_task(cache.get(acme.id))
    await until(lambda: reads.count == 1)
    reads.pause = 0.0

    assert await reading == "active"
    assert reads.count == 2


async def test_only_a_database_that_does_not_answer_for_as_long_as_a_request_waits_is_an_error(
    system, acme
):
    freshness = Freshness(system, [TENANTS.name])
    reads = Reads(system)
    cache = FreshCache(freshness, reads, size=100, patience_seconds=2.5)
    reads.pause = 1.05

    began = time.monotonic()
    with pytest.raises(Unavailable):
        await cache.get(acme.id)

    assert reads.count == 3
    assert 2.4 < time.monotonic() - began < 5


async def test_a_read_that_a_change_overtook_is_used_while_it_is_young_and_not_remembered(system, acme):
    """Whoever wrote a company's row often enough gave its members errors."""
    _, reads, cache = await listening_cache(system)
    source = Source(TENANTS.name, acme.id)
    reads.pause = 0.02

    for _ in range(5):
        reading = asyncio.create_task(cache.get(acme.id))
        await asyncio.sleep(0.01)
        cache.forget(source)
        assert await reading == "active"
        assert cache.peek(acme.id) is None

    assert reads.count == 5


async def test_who_waits_for_the_same_row_shares_a_read(system, acme, globex):
    _, reads, cache = await listening_cache(system)
    reads.pause = 0.05

    found = await asyncio.gather(*(cache.get(acme.id) for _ in range(50)), cache.get(globex.id))

    assert found == ["active"] * 51
    assert reads.count == 2


async def test_who_has_written_shares_no_read_that_began_before(system, acme):
    _, reads, cache = await listening_cache(system)
    reads.pause = 0.2
    before = asyncio.create_task(cache.get(acme.id))
    await asyncio.sleep(0.1)
    await system[TENANTS].update_one({"_id": acme.id}, {"$set": {"status": "suspended"}})
    cache.forget(Source(TENANTS.name, acme.id))

    assert await cache.get(acme.id) == "suspended"
    assert await before == "active"
    assert cache.peek(acme.id) == "suspended"


async def test_a_read_may_end_after_the_one_that_took_its_place(system, acme):
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    _, reads, cache = await listening_cache(system)
    reads.pause = 0.1
    before = asyncio.create_task(cache.get(acme.id))
    await asyncio.sleep(0.05)
    cache.forget(Source(TENANTS.name, "another"))
    reads.pause = 0

    assert [await cache.get(acme.id), await before] == ["active"] * 2
    await asyncio.sleep(0)
    assert faults == []


async def test_whoever_gives_up_leaves_the_read_to_the_others(system, acme):
    _, reads, cache = await listening_cache(system)
    reads.pause = 0.1
    impatient, patient = (asyncio.create_task(cache.get(acme.id)) for _ in range(2))
    await asyncio.sleep(0.02)
    impatient.cancel()

    assert await patient == "active"
    assert reads.count == 1
    assert not cache._flights


async def test_a_read_that_fails_fails_for_all_who_share_it_and_is_not_remembered(system):
    async def failing(_key):
        await asyncio.sleep(0.01)
        raise KeyError("down")

    cache = FreshCache(Freshness(system, [TENANTS.name]), failing, size=1)

    errors = await asyncio.gather(*(cache.get("x") for _ in range(3)), return_exceptions=True)

    assert [type(error) for error in errors] == [KeyError] * 3
    assert not cache._flights


async def test_what_is_not_there_is_not_remembered(system):
    _, reads, cache = await listening_cache(system)

    for _ in range(3):
        assert await cache.get("f" * 24) is None

    assert reads.count == 3
    assert len(cache) == 0


async def test_it_forgets_what_was_used_least(system, acme, globex):
    _, _, cache = await listening_cache(system, size=1)

    await cache.get(acme.id)
    await cache.get(globex.id)

    assert len(cache) == 1
    assert cache.peek(globex.id) == "active"
