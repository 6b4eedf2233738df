"""What a tenant may use: reserved in blocks, met exactly, given back, counted anew."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jazzaam.tenancy.limits import USAGES, LimitKind, LimitReached, Limits, LimitSpec

THINGS = LimitSpec("things", LimitKind.stock, "things", None, block=50)
MAILS = LimitSpec("mails", LimitKind.a_day, "mails", 3, block=1)


@pytest.fixture
def process(application, app, clock):
    """Make the limits as one process counts them."""
    return lambda: Limits(application.deployment.system, clock)


@pytest.fixture
def row(application):
    async def row(tenant):
        return await application.deployment.system()[USAGES].find_one({"_id": tenant.id}, {"_id": 0})

    return row


def counting(counts):
    async def count():
        return counts

    return count


async def granted(limits, tenant, spec, asked):
    """Ask many times at once; gives how often it was granted."""
    outcomes = await asyncio.gather(
        *(limits.reserve(tenant, spec) for _ in range(asked)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} <= {str, LimitReached}
    return sum(isinstance(outcome, str) for outcome in outcomes)


@pytest.mark.parametrize("allowed", [1, 7, 100, 237])
async def test_a_limit_is_met_exactly_by_one_process(process, tenant, allowed):
    company = tenant(things=allowed)

    assert await granted(process(), company, THINGS, allowed + 50) == allowed


async def test_a_limit_is_never_passed_by_several_processes(process, tenant, row):
    company = tenant(things=200)
    processes = [process() for _ in range(4)]

    each = await asyncio.gather(*(granted(one, company, THINGS, 90) for one in processes))

    assert 200 - 4 * 10 <= sum(each) <= 200
    assert (await row(company))["things"] <= 200


async def test_units_are_reserved_in_blocks(process, tenant, commands, application):
    """A hundred uses of a large limit ask the shared database a few times, not a hundred."""
    limits, company = process(), tenant(things=100_000)
    commands.seen.clear()

    assert await granted(limits, company, THINGS, 100) == 100

    asked = [event for event in commands.seen if event.command.get("findAndModify") == USAGES.name]
    assert len(asked) == 2


async def test_what_is_given_back_can_be_used_again_by_others(process, tenant):
    here, there, company = process(), process(), tenant(things=10)
    assert await granted(here, company, THINGS, 10) == 10
    assert await granted(there, company, THINGS, 1) == 0

    here.give_back(company, THINGS, 5)
    await here.give_all_back()

    later = process()
    assert await granted(later, company, THINGS, 10) == 5


async def test_what_came_back_beyond_a_block_returns_by_itself(process, tenant, row):
    limits, company = process(), tenant(things=1000)
    assert await granted(limits, company, THINGS, 500) == 500
    limits.give_back(company, THINGS, 400)

    async with asyncio.timeout(2):
        while (await row(company))["things"] > 200:
            await asyncio.sleep(0.01)


async def test_work_that_fails_gives_back(process, tenant):
    limits, company = process(), tenant(things=1)

    async def fail():
        async with limits.reserving(company) as reservation:
            await reservation.take(THINGS, 1)
            raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            await fail()
    async with limits.reserving(company) as reservation:
        await reservation.take(THINGS, 1)

    with pytest.raises(LimitReached):
        await limits.reserve(company, THINGS)


async def test_what_may_not_be_refused_counts_all_the_same(process, tenant, row):
    limits, company = process(), tenant(things=2)

    for _ in range(3):
        await limits.reserve(company, THINGS, anyway=True)

    assert await row(company) == {"things": 3}
    with pytest.raises(LimitReached):
        await limits.reserve(company, THINGS)
    await process().reserve(tenant(things=0), THINGS, anyway=True)


async def test_what_is_at_hand_is_reserved_without_waiting(process, tenant, row):
    limits, company = process(), tenant(things=100)

    assert not limits.reserve_at_hand(company, THINGS, 1)
    await limits.reserve(company, THINGS)
    assert limits.reserve_at_hand(company, THINGS, 4)
    assert not limits.reserve_at_hand(company, THINGS, 1)
    assert await row(company) == {"things": 5}
    assert limits.reserve_at_hand(tenant(), THINGS, 1000)


async def test_the_error_names_the_limit(process, tenant):
    with pytest.raises(LimitReached) as refused:
        await process().reserve(tenant(things=0), THINGS)

    assert refused.value.status == 402
    assert refused.value.detail == "Your plan's limit is reached: 0 things."
    assert refused.value.members == {"limit": "things", "allowed": "0"}


async def test_a_days_limit_begins_anew(process, tenant, clock, row):
    limits, company = process(), tenant()
    assert await granted(limits, company, MAILS, 5) == 3
    clock.now += timedelta(minutes=2)

    assert await granted(limits, company, MAILS, 5) == 3

    assert await row(company) == {"mails@2026-11-24": 3, "mails@2026-11-25": 3}
    clock.now += timedelta(days=40)
    await limits.counted(company.id, counting({}), clock.now)
    assert "mails@2026-11-24" not in await row(company)


async def test_no_limit_costs_nothing(process, tenant, commands):
    commands.seen.clear()

    await process().reserve(tenant(), THINGS, 1_000_000)

    assert commands.seen == []


async def test_counting_anew_puts_right_what_a_crash_left(process, tenant):
    crashed, limits, company = process(), process(), tenant(things=100)
    assert await granted(crashed, company, THINGS, 100) == 100

    await limits.counted(company.id, counting({"things": 40}), datetime.now(UTC))

    assert await granted(process(), company, THINGS, 100) == 60


async def test_only_who_was_not_counted_today_is_due(process, tenant):
    limits, company = process(), tenant(things=5)
    await limits.reserve(company, THINGS)
    now = datetime.now(UTC)
    assert company.id in await limits.uncounted(now, 10_000)

    await limits.counted(company.id, counting({"things": 1}), now)

    assert company.id not in await limits.uncounted(now, 10_000)


async def test_what_others_hold_when_the_numbers_are_put_right_is_void(process, tenant, row):
    processes, company = [process() for _ in range(3)], tenant(things=1000)
    for one in processes:
        await one.reserve(company, THINGS)

    await process().counted(company.id, counting({"things": 3}), datetime.now(UTC))
    for one in processes:
        await one.give_all_back()

    assert (await row(company))["things"] == 3
    assert await granted(process(), company, THINGS, 1100) == 997


async def test_counting_leaves_the_days_limits_as_they_are(process, tenant, clock):
    """What is done in a day is not counted anew: a block that was reserved for it stays good."""
    limits, company, mails = process(), tenant(mails=200), replace(MAILS, block=10)
    for _ in range(50):
        await limits.reserve(company, mails)
        await process().counted(company.id, counting({"things": 1}), datetime.now(UTC))

    await limits.give_all_back()

    assert (await limits.used(company.id))["mails@2026-11-24"] == 50


async def test_what_is_reserved_while_it_is_counted_counts(process, tenant, row):
    limits, company = process(), tenant(things=100)
    await limits.reserve(company, THINGS, 10)

    async def count():
        await process().reserve(company, THINGS, 5)
        return {"things": 10}

    await limits.counted(company.id, count, datetime.now(UTC))

    assert (await row(company))["things"] == 15


async def test_two_that_count_at_once_put_it_right_once(process, tenant, row):
    company, both = tenant(things=100), asyncio.Barrier(2)
    await process().reserve(company, THINGS, 10)

    async def count():
        await both.wait()
        return {"things": 4}

    now = datetime.now(UTC)
    await asyncio.gather(*(process().counted(company.id, count, now) for _ in range(2)))

    assert (await row(company))["things"] == 4


async def test_taking_at_hand_and_waiting_at_once_grants_no_more_than_there_is(process, tenant, row):
    limits, company = process(), tenant(things=1000)
    taken = 0

    async def take(count):
        nonlocal taken
        try:
            await limits.reserve(company, THINGS, count)
        except LimitReached:
            return
        taken += count
        while limits.reserve_at_hand(company, THINGS, 7):
            taken += 7

    await asyncio.gather(*(take(count) for count in (400, 300, 30, 7, 1, 400, 90) * 3))

    assert taken <= 1000
    await limits.give_all_back()
    assert (await row(company))["things"] == taken


async def test_who_is_cancelled_while_units_are_reserved_leaves_none_behind(process, tenant, row):
    limits, company = process(), tenant(things=1000)
    for _ in range(10):
        asking = asyncio.create_task(limits.reserve(company, THINGS, 60))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        granted_all_the_same = await asyncio.gather(asking, return_exceptions=True)
        if isinstance(granted_all_the_same[0], str):
            limits.give_back(company, THINGS, 60)
    async with asyncio.timeout(5):
        while any("Limits" in task.get_coro().__qualname__ for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)

    await limits.give_all_back()

    assert (await row(company) or {}).get("things", 0) == 0


async def test_giving_back_what_was_never_reserved_stops_at_nothing(process, tenant, row):
    limits, company = process(), tenant(things=100)
    await limits.reserve(company, THINGS, 6)
    for _ in range(55):
        limits.give_back(company, THINGS)

    await limits.give_all_back()

    assert (await row(company))["things"] == 0


async def test_two_processes_that_begin_a_tenants_row_at_once_are_both_served(process, tenant):
    for _ in range(40):
        company = tenant(things=10)
        await asyncio.gather(*(process().reserve(company, THINGS) for _ in range(3)))


async def test_what_is_given_back_after_midnight_goes_to_its_own_day(process, tenant, clock, row):
    limits, company = process(), tenant()
    async with limits.reserving(company) as reservation:
        for _ in range(3):
            await reservation.take(MAILS, 1)
        clock.now += timedelta(minutes=2)
        reservation.give_back()

    assert await granted(limits, company, MAILS, 5) == 3
    await limits.give_all_back()
    assert await row(company) == {"mails@2026-11-24": 0, "mails@2026-11-25": 3}


async def test_a_large_refusal_refuses_nothing_small(process, tenant):
    limits, company = process(), tenant(things=1000)
    await limits.reserve(company, THINGS, 600)

    with pytest.raises(LimitReached):
        await limits.reserve(company, THINGS, 500)

    await limits.reserve(company, THINGS, 100)
