import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from bson import ObjectId
from pydantic import SecretStr

from jazzaam.composition import compose
from jazzaam.config import ClusterUris
from jazzaam.crm.dependencies import workspace_for_job
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.crm.workspace import Workspace
from jazzaam.events import Event
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, Place
from jazzaam.jobs.publishing import PublishedOutsideChange
from jazzaam.jobs.registry import Registry, job
from jazzaam.jobs.retry import RetryPolicy
from jazzaam.jobs.runner import Runner
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.clusters import CONNECT_SECONDS
from jazzaam.worker import create_relay


@dataclass(frozen=True, slots=True)
class Happened(Event):
    kind: ClassVar[str] = "test.happened"
    what: str


class Later:
    """A clock that can be moved."""

    def __init__(self, clock):
        self.clock, self.ahead = clock, timedelta()

    def now(self):
        return self.clock.now() + self.ahead


async def _note(workspace, what):
    row = {"_id": ObjectId(), "kind": what, "isRead": False, "createdAt": workspace.clock.now()}
    await workspace.db[NOTIFICATIONS].insert(row)


@job("test.note", atomic=True, retry=RetryPolicy(attempts=3))
async def note(workspace: Workspace, event: Happened) -> None:
    await _note(workspace, event.what)
    if event.what.startswith("fails"):
        raise RuntimeError("the secret password is x")


@pytest.fixture
def clock(application):
    return Later(application.control.clock)


@pytest.fixture
def runner(application, clock):
    async def open_context(place):
        db = await application.deployment.tenancy.open(place.tenant_id)
        return workspace_for_job(db, place.job_id, application.workspaces)

    return Runner(Registry([note]), open_context, clock)


@pytest.fixture
def enqueue(acme, application):
    async def enqueue(what):
        await outbox.enqueue(
            acme.db, Registry([note]), [Happened(what=what)], application.control.clock.now()
        )
        row = await acme.db[JOBS].find_one({"args.what": what}, {"_id": 1})
        return Place(acme.id, row["_id"])

    return enqueue


async def state(company, place):
    fields = {"state": 1, "attempt": 1, "lastError": 1, "dueAt": 1, "finishedAt": 1}
    return await company.db[JOBS].find_one({"_id": place.job_id}, fields)


async def test_a_job_runs_once_and_is_done(acme, runner, enqueue):
    place = await enqueue("once")

    await asyncio.gather(*(runner.run(place) for _ in range(10)))

    assert (await state(acme, place))["state"] == "done"
    assert await acme.db[NOTIFICATIONS].count({"kind": "once"}) == 1


async def test_a_job_that_fails_leaves_no_effect_and_comes_again_until_it_is_dead(
    acme, runner, enqueue, clock
):
    place = await enqueue("fails")

    for attempt in range(1, 4):
        await runner.run(place)
        row = await state(acme, place)
        assert row["attempt"] == attempt
        assert row["lastError"] == "RuntimeError"
        await runner.run(place)  # not due yet
        assert (await state(acme, place))["attempt"] == attempt
        clock.ahead += timedelta(minutes=1)

    assert row["state"] == "dead"
    assert await acme.db[NOTIFICATIONS].count({"kind": "fails"}) == 0


async def test_a_dead_workers_job_is_taken_over_when_its_lease_ends(acme, runner, enqueue, clock):
    place = await enqueue("left")
    dead = await outbox.claim(acme.db, place.job_id, clock.now(), timedelta(seconds=60))

    await runner.run(place)
    assert (await state(acme, place))["state"] == "running"
    clock.ahead += timedelta(seconds=61)
    await runner.run(place)

    assert (await state(acme, place))["state"] == "done"
    with pytest.raises(outbox.LeaseLost):
        await outbox.finish(acme.db, dead, clock.now())


async def test_a_job_that_ends_its_workers_ends_too(acme, runner, enqueue, clock):
    place = await enqueue("kills")
    for _ in range(3):
        await outbox.claim(acme.db, place.job_id, clock.now(), timedelta(seconds=60))
        clock.ahead += timedelta(seconds=61)

    await runner.run(place)

    row = await state(acme, place)
    assert (row["state"], row["lastError"]) == ("dead", "TooManyAttempts")
    assert await acme.db[NOTIFICATIONS].count({"kind": "kills"}) == 0


async def test_an_unknown_job_is_kept_as_a_dead_letter(acme, runner, clock):
    job_id = ObjectId()
    row = {"_id": job_id, "name": "gone", "args": {}, "state": "queued", "dueAt": clock.now(), "attempt": 0}
    await acme.db[JOBS].insert(row)

    await runner.run(Place(acme.id, job_id))

    assert (await state(acme, Place(acme.id, job_id)))["state"] == "dead"


async def test_a_change_that_fails_leaves_no_job(acme, application):
    workspace = acme.workspace

    async def work():
        workspace.publish(Happened(what="never"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await workspace.change(work)

    assert await acme.db[JOBS].count({}) == 0


async def test_an_event_outside_a_change_is_an_error(acme):
    with pytest.raises(PublishedOutsideChange):
        acme.workspace.publish(Happened(what="x"))


def test_two_jobs_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"test\.note"):
        Registry([note, note])


class TestRelay:
    async def test_a_worker_hears_of_a_new_job_and_finds_an_old_one(
        self, client, acme, globex, application
    ):
        """The old one was written before the worker started; the sweep finds it."""
        forms = {}
        for company in (acme, globex):
            made = await client.post("/api/v1/forms/platforms/linkedin", headers=company.headers)
            forms[company.id] = made.json()["accessToken"]
        await submit(client, forms[acme.id])
        relay, stop = create_relay(application), asyncio.Event()

        running = asyncio.create_task(relay.run(stop=stop))
        await told(client, acme)
        await submit(client, forms[globex.id])
        await told(client, globex)
        stop.set()

        async with asyncio.timeout(10):
            await running
        for company in (acme, globex):
            assert await company.db[NOTIFICATIONS].count({}) == 1

    async def test_a_row_of_the_catalog_that_nobody_can_read_stops_no_other(
        self, client, acme, application
    ):
        tenants = application.deployment.system()[TENANTS]
        bad = [
            {"_id": "e" * 24, "status": "active", "cluster": "nowhere", "database": "x"},
            {"_id": "d" * 24, "status": "asleep", "cluster": "main", "database": "y"},
        ]
        for row in bad:
            await tenants.insert({**row, "schemaFingerprint": "", "createdAt": datetime.now(UTC)})
        try:
            made = await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)
            await submit(client, made.json()["accessToken"])
            relay, stop = create_relay(application), asyncio.Event()
            running = asyncio.create_task(relay.run(stop=stop))
            await told(client, acme)
            stop.set()
            await running
        finally:
            await tenants.delete_many({"_id": {"$in": [row["_id"] for row in bad]}})

    async def test_a_cluster_that_is_away_keeps_no_other_waiting(self, client, acme, application, settings):
        made = await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)
        await submit(client, made.json()["accessToken"])
        tenants, away = application.deployment.system()[TENANTS], [f"{number:024x}" for number in range(24)]
        row = {
            "status": "active",
            "cluster": "gone",
            "schemaFingerprint": "",
            "createdAt": datetime.now(UTC),
        }
        await tenants.insert_all({"_id": one, "database": f"jazzaam_company_{one}", **row} for one in away)
        gone = {"gone": ClusterUris(app=SecretStr("mongodb://127.0.0.1:1/?directConnection=true"))}
        process = compose(settings.model_copy(update={"clusters": gone}))
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        began = loop.time()
        try:
            running = asyncio.create_task(create_relay(process).run(stop=stop))
            await told(client, acme)
            assert loop.time() - began < CONNECT_SECONDS  # it had to wait for nobody
            stop.set()
            await running
        finally:
            await tenants.delete_many({"_id": {"$in": away}})
            await process.deployment.close()


async def submit(client, token):
    answer = await client.post(
        f"/api/v1/public/forms/{token}/submissions", json={"linkedinUrl": "linkedin.com/in/ada"}
    )
    assert answer.status_code == 201


async def told(client, company):
    async with asyncio.timeout(20):
        while not (await client.get("/api/v1/notifications", headers=company.headers)).json()["items"]:
            await asyncio.sleep(0.05)
