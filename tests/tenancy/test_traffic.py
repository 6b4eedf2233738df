"""A tenant's requests: so many a second, and so many at once."""

import asyncio
from datetime import timedelta

import pytest

from jazzaam.tenancy.limits import LimitKind, LimitSpec
from jazzaam.tenancy.traffic import CompanyTooBusy, Traffic

LIMITS = {
    "rate": LimitSpec("requestsPerSecond", LimitKind.rate, "requests", None),
    "at_once": LimitSpec("requestsAtOnce", LimitKind.held, "requests", None),
}


def test_so_many_at_once(tenant):
    traffic, company = Traffic(**LIMITS), tenant(requestsAtOnce=2)
    leave = [traffic.enter(company) for _ in range(2)]

    with pytest.raises(CompanyTooBusy) as refused:
        traffic.enter(company)

    assert refused.value.status == 429
    assert refused.value.members == {"limit": "requestsAtOnce", "allowed": "2"}
    traffic.enter(tenant(requestsAtOnce=2))
    leave[0]()
    traffic.enter(company)


async def test_who_is_refused_hears_of_it_after_a_pause(tenant):
    traffic, company = Traffic(**LIMITS, pause=timedelta(seconds=0.2)), tenant(requestsAtOnce=1)
    await traffic.admit(company)
    began = asyncio.get_running_loop().time()

    with pytest.raises(CompanyTooBusy):
        await traffic.admit(company)

    assert asyncio.get_running_loop().time() - began >= 0.09


def test_so_many_a_second_with_a_burst(tenant):
    now = [100.0]
    traffic, company = Traffic(**LIMITS, monotonic=lambda: now[0]), tenant(requestsPerSecond=10)

    def through():
        for count in range(1000):
            try:
                traffic.enter(company)()
            except CompanyTooBusy:
                return count
        raise AssertionError

    assert through() == 20
    now[0] += 0.5
    assert through() == 5
    now[0] += 60
    assert through() == 20


def test_only_so_many_tenants_are_remembered_and_none_at_work_is_forgotten(tenant):
    traffic, busy = Traffic(**LIMITS, size=3), tenant(requestsAtOnce=1)
    traffic.enter(busy)
    for _ in range(10):
        traffic.enter(tenant(requestsAtOnce=1))()

    assert len(traffic._counts) == 3
    with pytest.raises(CompanyTooBusy):
        traffic.enter(busy)
