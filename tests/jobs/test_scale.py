"""Many companies, many jobs: everything begins soon, and nobody waits for another."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from pymongo import MongoClient
from tests.conftest import at_work, forget_tenants
from tests.jobs.conftest import Happened, note

from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, JobState
from jazzaam.tenancy.users import OPERATOR

ALONE = (pytest.mark.slow, pytest.mark.alone)


@pytest.fixture
async def companies(process):
    """Make companies with nothing but a collection of jobs: what an engine sees of them."""
    deployment, made = process.deployment, []

    async def make(count):
        client = deployment.clusters.client("main", OPERATOR)
        for _ in range(count):
            tenant = await deployment.provisioner.create(str(ObjectId()), at=datetime.now(UTC))
            made.append(tenant)
            if count > 100:  # the server has room for so many tables
                for name in await client[tenant.database].list_collection_names():
                    if name not in ("jobs", "notifications"):
                        await client[tenant.database].drop_collection(name)
        return [await deployment.tenancy.open(tenant.id) for tenant in made]

    yield make
    await forget_tenants(process, [tenant.id for tenant in made])


def let_settle(mongod):
    """Have the server finish what preparing a test left it with: files to drop, pages to write."""
    with MongoClient(mongod.uri("jazzaam_root")) as client:
        client.admin.command("fsync")


async def ended(databases, name="test.note"):
    """Read when each job began, once all have ended."""
    began = []
    for db in databases:
        while await outbox.waiting(db):
            await asyncio.sleep(0.1)
        found = db[JOBS].find({"name": name, "state": JobState.done}, {"endedAt": 1})
        began += [row["endedAt"] async for row in found]
    return began


@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=ALONE)])
async def test_one_job_of_each_company_due_at_once_begins_within_seconds(
    process, companies, clock, mongod, count
):
    databases = await companies(count)
    let_settle(mongod)
    clock.ahead = timedelta()
    due_at = clock.now() + timedelta(seconds=3 + count / 200)
    for db in databases:
        row = outbox.row_of(note, Happened(what="due"), clock.now(), due_at)
        await outbox.enqueue(db, [row])
    assert clock.now() < due_at

    async with at_work(process), asyncio.timeout(60):
        began = await ended(databases)

    assert len(began) == count
    assert min(began) >= due_at
    assert max(began) - due_at < timedelta(seconds=5)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("jobs", [100_000])
async def test_a_hundred_thousand_jobs_of_one_company_delay_anothers_by_two_seconds_at_most(
    process, companies, clock, mongod, jobs
):
    many, single = await companies(2)
    clock.ahead = timedelta()
    delays = []

    async with at_work(process):
        for _ in range(jobs // 1_000):
            at = clock.now()
            rows = [outbox.row_of(note, Happened(what="many"), at, at) for _ in range(1_000)]
            await outbox.enqueue(many, rows)
        for _ in range(10):
            began, at = time.perf_counter(), clock.now()
            row = outbox.row_of(note, Happened(what="single"), at, at)
            await outbox.enqueue(single, [row])
            async with asyncio.timeout(20):
                while await outbox.waiting(single):
                    await asyncio.sleep(0.01)
            delays.append(time.perf_counter() - began)
            await asyncio.sleep(0.5)
        left = await outbox.waiting(many)

    assert left > jobs / 2
    assert max(delays) < 2
