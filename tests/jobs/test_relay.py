"""From rows to workers: every job that is due is handed over, and nobody's jobs hold up another's."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pydantic import SecretStr
from tests.conftest import at_work
from tests.jobs.conftest import Happened, note, wait

from jazzaam.composition import compose
from jazzaam.config import ClusterUris
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.jobs import outbox
from jazzaam.jobs.clocks import JOB_CLOCKS, RELAYS
from jazzaam.jobs.models import JOBS
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.clusters import CONNECT_SECONDS
from jazzaam.tenancy.users import OPERATOR
from jazzaam.worker import create_broker, create_relay, create_worker

HOURS = timedelta(hours=1)


async def enqueue(company, what, *, due_at=None, count=1):
    at = datetime.now(UTC)
    rows = [outbox.row_of(note, Happened(what=what), at, due_at or at) for _ in range(count)]
    await outbox.enqueue(company.db, rows)
    return [row["_id"] for row in rows]


async def noted(company, what, count=1):
    async with asyncio.timeout(20):
        while await company.db[NOTIFICATIONS].count({"kind": what}) < count:
            await asyncio.sleep(0.02)


@pytest.fixture
def process(process, application):
    """The tested jobs, by the clock of this machine."""
    control = replace(process.control, clock=application.control.clock)
    return replace(process, control=control)


async def test_a_new_job_is_heard_of_and_an_old_one_found(process, acme, globex):
    """The old one was written before any relay ran."""
    await enqueue(acme, "old")

    async with at_work(process):
        await noted(acme, "old")
        await enqueue(globex, "new")
        await noted(globex, "new")

    assert await acme.db[NOTIFICATIONS].count({}) == 1
    assert await globex.db[NOTIFICATIONS].count({}) == 1


async def test_a_job_for_later_begins_when_it_is_due(process, acme):
    async with at_work(process):
        await enqueue(acme, "first")
        await noted(acme, "first")
        due_at = datetime.now(UTC) + timedelta(seconds=0.7)
        await enqueue(acme, "later", due_at=due_at)
        await noted(acme, "later")

    assert datetime.now(UTC) >= due_at


async def test_a_relay_goes_on_where_the_one_before_ended(process, acme, globex, application, commands):
    """Without looking at every database: what was written meanwhile is heard, and clocks are kept."""
    system = application.deployment.system()
    async with at_work(process):
        await enqueue(acme, "before")
        await noted(acme, "before")
        await enqueue(globex, "later", due_at=datetime.now(UTC) + timedelta(seconds=2))
        async with asyncio.timeout(10):
            while not await system[JOB_CLOCKS].count({"tenantId": globex.id}):
                await asyncio.sleep(0.02)
    await enqueue(acme, "meanwhile")
    seen = len(commands.seen)

    async with at_work(process):
        await noted(acme, "meanwhile")
        await noted(globex, "later")

    found = [one.command for one in commands.seen[seen:] if one.command_name == "find"]
    assert found
    assert not [one for one in found if one["find"] == TENANTS.name and "cluster" in one["filter"]]


async def test_two_relays_and_two_workers_do_everything_once(process, acme, globex):
    async with at_work(process), at_work(process):
        for company in (acme, globex):
            await enqueue(company, "shared", count=40)
        for company in (acme, globex):
            await noted(company, "shared", 40)
            async with asyncio.timeout(10):
                while await outbox.waiting(company.db):
                    await asyncio.sleep(0.02)

    for company in (acme, globex):
        assert await company.db[NOTIFICATIONS].count({}) == 40


async def test_one_companys_many_jobs_do_not_delay_anothers(process, acme, globex):
    """When the single job is done, nearly all of the others still wait."""
    await enqueue(acme, "many", count=2_000)

    async with at_work(process):
        await noted(acme, "many", 20)
        await enqueue(globex, "single")
        await noted(globex, "single")
        left = await outbox.waiting(acme.db)

    assert left > 1_000


async def test_more_jobs_than_are_remembered_are_all_done(process, acme):
    async with at_work(process):
        await enqueue(acme, "crowd", count=300)
        await noted(acme, "crowd", 300)

    assert await acme.db[JOBS].count({"state": "done"}) == 300


async def test_a_suspended_companys_jobs_wait_until_it_is_resumed(process, acme, globex, application):
    await application.deployment.erasure.suspend(acme.id)
    await enqueue(acme, "waits")

    async with at_work(process):
        await enqueue(globex, "goes on")
        await noted(globex, "goes on")
        await asyncio.sleep(0)
        assert await acme.db[NOTIFICATIONS].count({}) == 0
        await application.deployment.erasure.resume(acme.id)
        await noted(acme, "waits")


async def test_rows_that_a_company_wrote_to_harm_others_harm_nobody(process, acme, globex, settings):
    """A dedicated company's own MongoDB user may write any row that the validator lets through."""
    operator = compose(settings, user=OPERATOR)
    raw, at = operator.deployment.clusters.client("main")[acme.db.tenant.database], datetime.now(UTC)
    await enqueue(globex, "stranger")
    foreign = (await globex.db[JOBS].find_one({}, {"_id": 1}))["_id"]
    row = {"name": "test.note", "args": {"what": "own"}, "attempt": 0, "state": "queued"}
    far = datetime(9999, 12, 31, tzinfo=UTC)

    async with at_work(process):
        await raw["jobs"].insert_many(
            [
                {**row, "_id": foreign, "dueAt": at},  # an id that is another's
                {**row, "_id": ObjectId(), "dueAt": far},
                {**row, "_id": ObjectId(), "dueAt": DatetimeMS(10**18)},
                {**row, "_id": "x" * 900, "dueAt": "soon", "state": {"$ne": 1}},
                {**row, "_id": ObjectId(), "dueAt": "soon"},
                {**row, "_id": ObjectId(), "dueAt": at, "attempt": "many"},
                {**row, "_id": DatetimeMS(-(10**18)), "dueAt": at},
            ],
            bypass_document_validation=True,
        )
        await enqueue(globex, "after")
        await noted(globex, "after")
        await noted(globex, "stranger")
        await noted(acme, "own")

    await operator.deployment.close()
    assert await globex.db[NOTIFICATIONS].count({}) == 2


async def test_a_stream_that_cannot_go_on_is_begun_anew_and_everybody_looked_at(process, acme, application):
    system = application.deployment.system()
    await system[RELAYS].update_one(
        {"_id": "main"},
        {"$set": {"token": {"_data": "8262"}, "until": datetime.now(UTC) - HOURS}},
        upsert=True,
    )
    await enqueue(acme, "overlooked")

    async with at_work(process):
        await noted(acme, "overlooked")


async def test_a_row_of_the_catalog_that_nobody_can_read_stops_no_other(process, acme, application):
    tenants = application.deployment.system()[TENANTS]
    bad = [
        {"_id": "e" * 24, "status": "active", "cluster": "nowhere", "database": "x"},
        {"_id": "d" * 24, "status": "asleep", "cluster": "main", "database": "y"},
    ]
    for row in bad:
        await tenants.insert({**row, "schemaFingerprint": "", "createdAt": datetime.now(UTC)})
    await application.deployment.system()[RELAYS].delete_many({})
    try:
        await enqueue(acme, "goes on")
        async with at_work(process):
            await noted(acme, "goes on")
    finally:
        await tenants.delete_many({"_id": {"$in": [row["_id"] for row in bad]}})


async def test_a_cluster_that_is_away_keeps_no_other_waiting(acme, application, settings):
    tenants, away = application.deployment.system()[TENANTS], [f"{number:024x}" for number in range(24)]
    row = {"status": "active", "cluster": "gone", "schemaFingerprint": "", "createdAt": datetime.now(UTC)}
    await tenants.insert_all({"_id": one, "database": f"jazzaam_company_{one}", **row} for one in away)
    gone = {"gone": ClusterUris(app=SecretStr("mongodb://127.0.0.1:1/?directConnection=true"))}
    other = compose(settings.model_copy(update={"clusters": gone}))
    await enqueue(acme, "x")
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with at_work(other), asyncio.timeout(CONNECT_SECONDS):
            while not await acme.db[JOBS].count({"lastError": "UnknownJob"}):
                await asyncio.sleep(0.02)
        assert loop.time() - began < 2 * CONNECT_SECONDS  # and it stops in time
    finally:
        await tenants.delete_many({"_id": {"$in": away}})
        await other.deployment.close()


class TestWhatEndsInBetween:
    """A relay that ends at a bad moment leaves nothing behind that waits for a sweep."""

    async def test_a_company_resumed_while_no_relay_was_there(self, process, acme, globex, application):
        erasure = application.deployment.erasure
        await erasure.suspend(acme.id)
        async with at_work(process):
            await enqueue(acme, "waits")
            await enqueue(globex, "goes on")
            await noted(globex, "goes on")
            await asyncio.sleep(1.2)  # it writes down how far it is every second
        await erasure.resume(acme.id)

        async with at_work(process):
            await noted(acme, "waits")

    async def test_a_sweep_that_was_cut_off_is_owed_to_the_next(self, process, acme, application):
        system, catalog = application.deployment.system(), application.deployment.tenancy.catalog
        await enqueue(acme, "old")
        await system[RELAYS].delete_many({})

        async def tenants(*_statuses, **_asked):
            raise ConnectionError

        catalog.tenants, listing = tenants, catalog.tenants
        try:
            async with at_work(process):
                await asyncio.sleep(1.5)
        finally:
            catalog.tenants = listing
        row = await system[RELAYS].find_one({"_id": "main"}, {"token": 1, "sweptAt": 1})
        assert (row["token"], row["sweptAt"]) == (None, None)

        async with at_work(process):
            await noted(acme, "old")

    async def test_a_sweep_that_failed_is_done_again(self, process, acme, application):
        system, catalog = application.deployment.system(), application.deployment.tenancy.catalog
        await enqueue(acme, "old")
        await system[RELAYS].delete_many({})
        listing, failures = catalog.tenants, [1]

        async def tenants(*statuses, **asked):
            if failures.pop() if failures else False:
                raise ConnectionError
            return await listing(*statuses, **asked)

        catalog.tenants = tenants
        try:
            async with at_work(process):
                await noted(acme, "old")
        finally:
            catalog.tenants = listing

    async def test_what_runs_already_counts_for_the_relay_that_follows(self, process, acme, globex):
        """Else it would hand over as many again, and leave no slot to others."""
        settings = process.settings.model_copy(update={"worker_slots": 4, "drain_seconds": 30.0})
        small = replace(process, settings=settings)
        at = datetime.now(UTC)
        long = [outbox.row_of(wait, Happened(what=str(number)), at, at) for number in range(8)]
        stop = asyncio.Event()
        broker = create_broker(settings)
        worker = asyncio.create_task(create_worker(small, broker).run(stop=stop))
        try:
            for _ in range(2):
                ended = asyncio.Event()
                relay = asyncio.create_task(create_relay(small, broker).run(stop=ended))
                if long:
                    await outbox.enqueue(acme.db, long)
                    long = []
                async with asyncio.timeout(20):
                    while await acme.db[JOBS].count({"state": "running"}) < 3:
                        await asyncio.sleep(0.02)
                await enqueue(globex, "single")
                await noted(globex, "single")
                await globex.db[NOTIFICATIONS].delete_many({})
                ended.set()
                await relay
            assert await acme.db[JOBS].count({"state": "running"}) == 3
        finally:
            await acme.db[JOBS].update_many({}, {"$set": {"cancelAsked": True}})
            stop.set()
            await worker

    async def test_one_that_lies_about_its_rows_takes_no_more_than_its_share(self, process, acme, globex):
        """Its own user says that its jobs are done while they run, and that they run for years."""
        settings = process.settings.model_copy(update={"worker_slots": 4})
        small, at = replace(process, settings=settings), datetime.now(UTC)
        rows = [outbox.row_of(wait, Happened(what=str(number)), at, at) for number in range(12)]
        async with at_work(small):
            await outbox.enqueue(acme.db, rows)
            for _ in range(40):
                lies = {"state": "done", "dueAt": datetime(4999, 1, 1, tzinfo=UTC)}
                await acme.db[JOBS].update_many({"state": "running"}, {"$set": lies})
                await asyncio.sleep(0.02)
            await enqueue(globex, "single")
            await noted(globex, "single")
            await acme.db[JOBS].update_many({}, {"$set": {"lease": ObjectId(), "state": "done"}})
