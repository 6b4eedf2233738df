"""So many at once, over all processes."""

import asyncio
from datetime import timedelta

import pytest

from jazzaam.tenancy.limits import LimitKind, LimitReached, LimitSpec
from jazzaam.tenancy.places import Places

EXPORTS = LimitSpec("exports", LimitKind.held, "exports", 2)


@pytest.fixture
def process(application, app, clock):
    return lambda: Places(application.deployment.system, clock)


async def is_refused(places, company):
    try:
        async with places.held(company, EXPORTS):
            return False
    except LimitReached:
        return True


async def test_so_many_at_once_over_all_processes(process, tenant):
    here, there, company = process(), process(), tenant()
    async with here.held(company, EXPORTS), there.held(company, EXPORTS):
        assert await is_refused(here, company)
        assert not await is_refused(here, tenant())
    assert not await is_refused(here, company)


async def test_work_that_fails_gives_its_place_back(process, tenant):
    places, company = process(), tenant(exports=1)

    async def fail():
        async with places.held(company, EXPORTS):
            raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            await fail()


async def test_the_place_of_a_process_that_died_is_free_again(process, tenant, clock):
    places, company = process(), tenant()
    for _ in range(2):
        await places._take(company.id, EXPORTS, 2)
    assert await is_refused(places, company)

    clock.now += timedelta(minutes=1)

    assert not await is_refused(places, company)


async def test_two_processes_that_begin_a_tenants_row_at_once_are_both_served(process, tenant):
    for _ in range(20):
        company = tenant()
        await asyncio.gather(*(process()._take(company.id, EXPORTS, 2) for _ in range(2)))


async def test_nothing_is_allowed_where_nothing_is(process, tenant):
    assert await is_refused(process(), tenant(exports=0))
    assert not await is_refused(process(), tenant(exports=None))
