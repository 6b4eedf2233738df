"""Schedules as rows: planned, run, written anew, moved with a company's clocks."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from tests.jobs.conftest import TESTED, Happened, note, row_of

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.companies.repository import time_zone_of
from jazzaam.control.plane import ControlPlane
from jazzaam.control.tenants.jobs import plan
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs import outbox
from jazzaam.jobs.crons import Crons
from jazzaam.jobs.models import JOBS, JobState, Place
from jazzaam.jobs.registry import Fired, Registry, job
from jazzaam.jobs.schedule import Beat, Cron, delay_of
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.change import change
from jazzaam.tenancy.database import CompanyScope
from jazzaam.worker import plan_control

CRONS = Crons(TESTED)
NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)


async def planned(db, zone, at=NOON, crons=CRONS):
    await change(db, lambda: crons.plan(db, zone, at))
    return {row["name"]: row for row in await outbox.scheduled(db)}


@pytest.fixture
def noon(clock):
    clock.ahead = NOON - clock.clock.now()
    return clock


async def run_until_done(runner, company, row):
    await runner.run(Place("main", company.id, row["_id"], row["attempt"]))


async def test_each_schedule_waits_for_its_next_fire_by_its_own_clocks(acme):
    rows = await planned(acme.db, "Asia/Riyadh")

    assert set(rows) == {"test.daily", "test.nightly"}  # the control plane's is not a company's
    assert rows["test.daily"]["dueAt"] == datetime(2027, 6, 2, 5, 30, tzinfo=UTC)
    spread = delay_of(TESTED.find("test.nightly").cron, "test.nightly", acme.id)
    assert rows["test.nightly"]["dueAt"] == datetime(2027, 6, 2, 1, tzinfo=UTC) + spread
    assert rows["test.nightly"]["cron"]["zone"] == "UTC"


async def test_planning_is_safe_to_repeat_by_any_number_at_once(acme, application):
    async def one():
        db = await application.deployment.tenancy.open(acme.id)
        await planned(db, "Asia/Riyadh")

    await asyncio.gather(*(one() for _ in range(8)))

    assert len(await outbox.scheduled(acme.db)) == 2


async def test_a_fire_that_ends_writes_the_next_and_tells_its_time(acme, runner, noon):
    row = (await planned(acme.db, "Europe/Berlin"))["test.daily"]
    assert row["dueAt"] == datetime(2027, 6, 2, 6, 30, tzinfo=UTC)
    noon.ahead += timedelta(hours=19)

    await run_until_done(runner, acme, row)

    following = {row["name"]: row for row in await outbox.scheduled(acme.db)}["test.daily"]
    assert following["dueAt"] == datetime(2027, 6, 3, 6, 30, tzinfo=UTC)
    assert await acme.db[NOTIFICATIONS].count({"kind": "daily 2027-06-02T06:30"}) == 1


async def test_fires_that_were_missed_come_once_and_late(acme, runner, noon):
    row = (await planned(acme.db, "UTC"))["test.daily"]
    noon.ahead += timedelta(days=5)

    await run_until_done(runner, acme, row)

    following = {row["name"]: row for row in await outbox.scheduled(acme.db)}["test.daily"]
    assert following["cron"]["fireAt"] == datetime(2027, 6, 7, 8, 30, tzinfo=UTC)
    assert await acme.db[NOTIFICATIONS].count({}) == 1


async def test_a_fire_that_fails_for_good_writes_the_next_too(acme, runner, noon):
    row = (await planned(acme.db, "UTC"))["test.nightly"]
    noon.ahead += timedelta(days=1)

    await run_until_done(runner, acme, row)

    place = Place("main", acme.id, row["_id"], 1)
    assert (await row_of(acme, place))["state"] == "dead"
    following = {row["name"]: row for row in await outbox.scheduled(acme.db)}["test.nightly"]
    assert following["cron"]["fireAt"] == row["cron"]["fireAt"] + timedelta(days=1)


async def test_a_fire_that_is_run_twice_writes_one_next(acme, runner, noon):
    """An operator has a dead one tried again, while the next waits already."""
    row = (await planned(acme.db, "UTC"))["test.nightly"]
    noon.ahead += timedelta(days=1)
    await run_until_done(runner, acme, row)

    await outbox.retry(acme.db, row["_id"], noon.now())
    await runner.run(Place("main", acme.id, row["_id"], 1))

    names = [row["name"] for row in await outbox.scheduled(acme.db)]
    assert sorted(names) == ["test.daily", "test.nightly"]


async def test_new_clocks_move_what_waits_and_leave_what_is_due(acme, noon):
    before = await planned(acme.db, "UTC")
    moved = await planned(acme.db, "America/New_York")

    assert before["test.daily"]["dueAt"] == datetime(2027, 6, 2, 8, 30, tzinfo=UTC)
    assert moved["test.daily"]["dueAt"] == datetime(2027, 6, 1, 12, 30, tzinfo=UTC)
    assert moved["test.nightly"]["_id"] == before["test.nightly"]["_id"]  # it follows no company's clocks

    later = NOON + timedelta(hours=1)
    due = await planned(acme.db, "Asia/Tokyo", at=later)
    assert due["test.daily"]["_id"] == moved["test.daily"]["_id"]
    assert due["test.daily"]["cron"]["zone"] == "Asia/Tokyo"  # the one after it follows them


async def test_new_clocks_hold_for_the_fire_after_the_one_that_runs(acme, runner, noon):
    row = (await planned(acme.db, "UTC"))["test.daily"]
    noon.ahead += timedelta(days=1)
    claimed = await outbox.claim(acme.db, row["_id"], 0, noon.now(), timedelta(seconds=30))
    await planned(acme.db, "Asia/Tokyo", at=noon.now())

    cron = await outbox.settle(acme.db, claimed, JobState.done, noon.now())

    assert CRONS.following(acme.db, "test.daily", cron, noon.now())["dueAt"] == datetime(
        2027, 6, 2, 23, 30, tzinfo=UTC
    )


async def test_a_schedule_that_changed_is_planned_anew_and_one_that_is_gone_goes(acme):
    @job("test.daily", atomic=True, cron=Cron("45 9 * * *", Beat.company))
    async def changed(_workspace: Workspace, _fired: Fired) -> None: ...

    await planned(acme.db, "UTC")
    rows = await planned(acme.db, "UTC", crons=Crons(Registry([changed])))

    assert {name: row["dueAt"] for name, row in rows.items()} == {
        "test.daily": datetime(2027, 6, 2, 9, 45, tzinfo=UTC)
    }
    assert Crons(Registry([changed])).fingerprint != CRONS.fingerprint


async def test_what_waits_for_its_fire_is_not_cancelled_and_counts_to_no_limit(acme):
    rows = await planned(acme.db, "UTC")

    assert await outbox.cancel(acme.db, rows["test.daily"]["_id"], NOON) is None
    assert await outbox.waiting(acme.db) == 0


class TestPlan:
    @pytest.fixture
    def plane(self, process):
        return ControlPlane(process.deployment.system(), process.control)

    async def test_a_new_companys_schedules_are_planned_once_by_its_own_clocks(
        self, acme, plane, application, clock
    ):
        system = application.deployment.system()
        await CompanyScope(system, ObjectId(acme.id))[COMPANIES].update_one(
            {}, {"$set": {"settings.timezone": "Asia/Riyadh"}}
        )

        assert await plan.run(plane, Fired(clock.now())) >= 1
        assert await plan.run(plane, Fired(clock.now())) == 0

        rows = {row["name"]: row for row in await outbox.scheduled(acme.db)}
        assert rows["test.daily"]["cron"]["zone"] == "Asia/Riyadh"

    async def test_a_company_whose_clocks_changed_is_planned_anew_when_that_is_said(
        self, acme, plane, application, clock
    ):
        await plan.run(plane, Fired(clock.now()))
        catalog = application.deployment.tenancy.catalog
        await catalog.plan_anew(acme.db.tenant.id)
        assert await plan.run(plane, Fired(clock.now())) == 1

        asked = await catalog.plans_asked(acme.db.tenant.id)
        await catalog.plan_anew(acme.db.tenant.id)  # while it is being planned by the old clocks
        await catalog.planned(acme.db.tenant, Crons(TESTED).fingerprint, asked)
        assert await plan.run(plane, Fired(clock.now())) == 1

    async def test_one_that_cannot_be_planned_stops_no_other(self, acme, globex, plane, application):
        tenants = application.deployment.system()[TENANTS]
        await tenants.update_one({"_id": globex.id}, {"$set": {"cluster": "nowhere"}})

        await plan.run(plane, Fired(NOON))

        assert len(await outbox.scheduled(acme.db)) == 2
        row = await tenants.find_one({"_id": globex.id}, {"crons": 1})
        assert "crons" not in row

    @pytest.mark.parametrize("stored", [None, {}, {"timezone": 7}, {"timezone": None}])
    async def test_a_company_without_a_zone_has_utc(self, acme, application, stored):
        system = application.deployment.system()
        await CompanyScope(system, ObjectId(acme.id))[COMPANIES].update_one(
            {}, {"$set": {"settings": stored}}
        )

        assert await time_zone_of(system, acme.id) == "UTC"

    async def test_the_control_planes_own_are_planned_when_a_process_starts(self, process, application):
        system = application.deployment.system()
        for _ in range(2):
            await plan_control(process)

        names = [row["name"] for row in await outbox.scheduled(system)]
        assert names.count("test.own") == 1
        await system[JOBS].delete_many({"name": "test.own"})


async def test_the_note_job_is_no_schedule(acme, runner, enqueue):
    place = await enqueue(note, Happened(what="x"))

    await runner.run(place)

    assert await outbox.scheduled(acme.db) == []
