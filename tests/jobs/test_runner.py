"""One job: claimed where its row is, run, ended; its effects once, whatever happens in between."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from tests.jobs.conftest import TESTED, Asked, Happened, count, note, row_of, wait

from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs import outbox
from jazzaam.jobs.letters import Pointless, Reason
from jazzaam.jobs.models import JOBS, KEEP_DEAD, JobState, Place
from jazzaam.jobs.publishing import PublishedOutsideChange
from jazzaam.jobs.registry import KEEP_ENDED, Registry, job
from jazzaam.jobs.run import NotDeclared, Run
from jazzaam.jobs.runner import Lease

THREE = Asked(count=3, names=[], at=None)


async def notes(company, kind):
    return await company.db[NOTIFICATIONS].count({"kind": kind})


async def test_a_job_runs_once_and_is_done_and_its_result_is_kept_for_a_while(acme, runner, enqueue):
    place = await enqueue(note, Happened(what="once"))

    told = await asyncio.gather(*(runner.run(place) for _ in range(10)), return_exceptions=True)

    row = await row_of(acme, place)
    assert (row["state"], row["result"], row["attempt"]) == ("done", "once", 1)
    assert all(
        late is None or (isinstance(late, Pointless) and late.reason is Reason.replayed) for late in told
    )
    assert row["expiresAt"] - row["endedAt"] == KEEP_ENDED
    assert await notes(acme, "once") == 1


async def test_a_job_that_fails_leaves_no_effect_and_comes_again_until_it_is_dead(
    acme, runner, enqueue, clock, again
):
    place = await enqueue(note, Happened(what="fails"))

    for attempt in range(1, 4):
        await runner.run(await again(place))
        row = await row_of(acme, place)
        assert (row["attempt"], row["lastError"]) == (attempt, "RuntimeError")
        if attempt < 3:
            await runner.run(await again(place))  # not due yet
            assert (await row_of(acme, place))["attempt"] == attempt
            clock.ahead += timedelta(minutes=1)

    assert row["state"] == "dead"
    assert row["expiresAt"] - row["endedAt"] == KEEP_DEAD
    assert await notes(acme, "fails") == 0


async def test_a_dead_letter_can_be_tried_again_with_all_its_tries(acme, runner, enqueue, clock, again):
    place = await enqueue(note, Happened(what="fails"))
    for _ in range(3):
        await runner.run(await again(place))
        clock.ahead += timedelta(minutes=1)

    assert await outbox.retry(acme.db, place.job_id, clock.now())
    assert not await outbox.retry(acme.db, place.job_id, clock.now())
    for _ in range(2):
        await runner.run(await again(place))
        assert (await row_of(acme, place))["state"] == "queued"
        clock.ahead += timedelta(minutes=1)
    await runner.run(await again(place))

    row = await row_of(acme, place)
    assert (row["state"], row["attempt"]) == ("dead", 6)


async def test_a_dead_workers_job_is_taken_over_when_its_lease_ends(acme, runner, enqueue, clock, again):
    place = await enqueue(note, Happened(what="left"))
    dead = await outbox.claim(acme.db, place.job_id, 0, clock.now(), timedelta(seconds=30))

    await runner.run(await again(place))
    assert (await row_of(acme, place))["state"] == "running"
    clock.ahead += timedelta(seconds=31)
    await runner.run(await again(place))

    assert (await row_of(acme, place))["state"] == "done"
    with pytest.raises(outbox.LeaseLost):
        await outbox.settle(acme.db, dead, JobState.done, clock.now())


async def test_a_job_that_ends_its_workers_ends_too(acme, runner, enqueue, clock, again):
    place = await enqueue(note, Happened(what="kills"))
    for attempt in range(3):
        await outbox.claim(acme.db, place.job_id, attempt, clock.now(), timedelta(seconds=30))
        clock.ahead += timedelta(seconds=31)

    await runner.run(await again(place))

    row = await row_of(acme, place)
    assert (row["state"], row["lastError"]) == ("dead", "TooManyAttempts")
    assert await notes(acme, "kills") == 0


async def test_what_a_worker_did_whose_lease_was_lost_is_undone(acme, runner, enqueue, clock):
    """It was stopped for so long that another took the job over, before it could commit."""
    place = await enqueue(note, Happened(what="slow"))
    taken = []

    @job("test.note", atomic=True)
    async def overtaken(workspace: Workspace, event: Happened) -> None:
        await workspace.db[NOTIFICATIONS].insert({"_id": ObjectId(), "kind": event.what})
        if not taken:
            taken.append(1)
            clock.ahead += timedelta(seconds=31)
            await runner.run(place._replace(attempt=1))

    await replace(runner, registry=Registry([overtaken])).run(place)

    assert (await row_of(acme, place))["state"] == "done"
    assert await notes(acme, "slow") == 1


async def test_an_unknown_job_waits_for_a_worker_that_knows_it_and_is_dead_in_the_end(
    acme, runner, enqueue, clock, again
):
    place = await enqueue(note, Happened(what="once"))
    older = replace(runner, registry=Registry([]))

    for _ in range(8):
        await older.run(await again(place))
        row = await row_of(acme, place)
        assert (row["state"], row["lastError"]) == ("queued", "UnknownJob")
        clock.ahead += timedelta(minutes=2)
    await runner.run(await again(place))
    assert (await row_of(acme, place))["state"] == "done"

    place = await enqueue(note, Happened(what="never"))
    clock.ahead += timedelta(days=4)
    await older.run(await again(place))
    assert (await row_of(acme, place))["state"] == "dead"


async def test_the_newest_release_gives_an_unknown_job_up_after_an_hour(
    acme, runner, enqueue, clock, again
):
    async def newest():
        return True

    place = await enqueue(note, Happened(what="never"))
    alone = replace(runner, registry=Registry([]), is_newest=newest)

    await alone.run(await again(place))
    assert (await row_of(acme, place))["state"] == "queued"
    clock.ahead += timedelta(minutes=61)
    await alone.run(await again(place))

    row = await row_of(acme, place)
    assert (row["state"], row["lastError"]) == ("dead", "UnknownJob")


async def test_a_row_that_says_it_is_young_for_ever_has_an_end_too(acme, runner, enqueue, clock, again):
    place = await enqueue(note, Happened(what="never"))
    future = clock.now() + timedelta(days=3650)
    await acme.db[JOBS].update_one({"_id": place.job_id}, {"$set": {"createdAt": future, "attempt": 4_400}})

    await replace(runner, registry=Registry([])).run(await again(place))

    assert (await row_of(acme, place))["state"] == "dead"


class TestArguments:
    @pytest.mark.parametrize(
        "args",
        [
            {},
            {"what": 1},
            {"what": None},
            {"what": "x", "more": 1},
            {"what": {"$ne": 1}},
            {"what": ["x"]},
        ],
    )
    async def test_a_row_with_other_arguments_than_its_job_takes_is_a_dead_letter_at_once(
        self, acme, runner, enqueue, args
    ):
        """A dedicated company's own MongoDB user may write any row there."""
        place = await enqueue(note, Happened(what="x"))
        await acme.db[JOBS].update_one({"_id": place.job_id}, {"$set": {"args": args}})

        await runner.run(place)

        row = await row_of(acme, place)
        assert (row["state"], row["lastError"], row["attempt"]) == ("dead", "BadArguments", 1)

    async def test_a_later_releases_row_waits_and_an_earlier_ones_is_upgraded(
        self, acme, runner, enqueue, again, clock
    ):
        place = await enqueue(count, THREE)
        await acme.db[JOBS].update_one({"_id": place.job_id}, {"$set": {"v": 4}})
        await runner.run(place)
        row = await row_of(acme, place)
        assert (row["state"], row["lastError"]) == ("queued", "NewerVersion")

        await acme.db[JOBS].update_one({"_id": place.job_id}, {"$set": {"v": 2}})
        clock.ahead += timedelta(minutes=1)
        await runner.run(await again(place))
        assert (await row_of(acme, place))["lastError"] == "BadArguments"  # it has no way to upgrade

    def test_what_does_not_go_together_is_refused_when_it_is_declared(self):
        with pytest.raises(ValueError, match=r"two jobs are named test\.note"):
            Registry([note, note])
        with pytest.raises(ValueError, match="cron"):

            @job("test.bad", atomic=True, cron=TESTED.find("test.daily").cron)
            async def not_fired(workspace: Workspace, event: Happened) -> None: ...

        with pytest.raises(ValueError, match="computes"):

            @job("test.bad", atomic=True, process_pool=True)
            async def computes_in_a_change(workspace: Workspace, event: Happened, run: Run) -> None: ...


class TestEnqueue:
    async def test_a_change_that_fails_leaves_no_job(self, acme, process):
        workspace = acme.workspace

        async def work():
            workspace.publish(Happened(what="never"))
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await workspace.change(work)

        assert await acme.db[JOBS].count({}) == 0

    async def test_a_job_is_asked_for_in_a_change_now_or_for_later(self, acme, process, clock):
        workspace = type(acme.workspace)(acme.db, acme.workspace.member, process.workspaces)
        at = datetime(2030, 1, 1, tzinfo=UTC)

        async def work():
            return workspace.enqueue(count, THREE), workspace.enqueue(note, Happened(what="x"), due_at=at)

        now, later = await workspace.change(work)

        rows = {row.job_id: row.due_at for row in await outbox.next_due(acme.db, 10)}
        assert list(rows) == [now, later]
        assert rows[now] <= clock.now()
        assert rows[later] == at

    async def test_outside_a_change_it_is_an_error(self, acme):
        with pytest.raises(PublishedOutsideChange):
            acme.workspace.publish(Happened(what="x"))
        with pytest.raises(PublishedOutsideChange):
            acme.workspace.enqueue(note, Happened(what="x"))

    async def test_a_job_of_no_feature_or_for_another_event_is_an_error(self, acme, process):
        workspace = type(acme.workspace)(acme.db, acme.workspace.member, process.workspaces)

        with pytest.raises(ValueError, match="does not answer"):
            await workspace.change(_async(lambda: workspace.enqueue(note, THREE)))
        with pytest.raises(ValueError, match="in no feature"):
            await acme.workspace.change(_async(lambda: acme.workspace.enqueue(note, Happened(what="x"))))


def _async(function):
    async def work():
        return function()

    return work


class TestProgress:
    async def test_a_job_in_parts_goes_on_where_it_was_and_does_no_part_twice(
        self, acme, runner, enqueue, clock, again
    ):
        place = await enqueue(count, Asked(count=4, names=["fails after two"], at=clock.now()))

        await runner.run(place)
        row = await row_of(acme, place)
        assert (row["state"], row["done"], row["total"]) == ("queued", 2, 4)
        clock.ahead += timedelta(minutes=1)
        await runner.run(await again(place))

        row = await row_of(acme, place)
        assert (row["state"], row["done"], row["total"], row["result"]) == ("done", 4, 4, 4)
        assert [await notes(acme, f"counted {number}") for number in range(4)] == [1, 1, 1, 1]

    async def test_a_part_whose_lease_was_lost_is_undone(self, acme, runner, enqueue, clock, again):
        place = await enqueue(count, THREE)
        claimed = await outbox.claim(acme.db, place.job_id, 0, clock.now(), timedelta(seconds=30))
        clock.ahead += timedelta(seconds=31)
        await runner.run(await again(place))

        async def work():
            await acme.db[NOTIFICATIONS].insert({"_id": ObjectId(), "kind": "too late"})
            await outbox.note(acme.db, claimed, clock.now(), 1, 3)

        with pytest.raises(outbox.LeaseLost):
            await acme.workspace.change(work)
        assert await notes(acme, "too late") == 0

    async def test_progress_is_written_while_it_runs_and_its_lease_renewed(
        self, acme, runner, enqueue, clock
    ):
        place = await enqueue(wait, Happened(what="long"))
        running = asyncio.create_task(runner.run(place))
        before = await until(acme, place, lambda row: row.get("done"))

        clock.ahead += timedelta(seconds=15)
        after = await until(acme, place, lambda row: row["dueAt"] > before["dueAt"])

        assert after["total"] == 100_000
        assert after["state"] == "running"
        assert await outbox.cancel(acme.db, place.job_id, clock.now()) is JobState.running
        async with asyncio.timeout(5):
            await running
        row = await row_of(acme, place)
        assert row["state"] == "cancelled"
        assert "lease" not in row

    async def test_a_job_whose_lease_is_lost_stops(self, acme, runner, enqueue, clock, again):
        place = await enqueue(wait, Happened(what="lost"))
        running = asyncio.create_task(runner.run(place))
        await until(acme, place, lambda row: row.get("done"))

        await acme.db[JOBS].update_one({"_id": place.job_id}, {"$set": {"lease": ObjectId()}})

        async with asyncio.timeout(5):
            await running
        assert (await row_of(acme, place))["state"] == "running"  # it is another's

    async def test_a_suspended_companys_job_stops_and_waits(self, acme, runner, enqueue, application):
        place = await enqueue(wait, Happened(what="suspended"))
        running = asyncio.create_task(runner.run(place))
        await until(acme, place, lambda row: row.get("done"))

        await application.deployment.erasure.suspend(acme.id)
        async with asyncio.timeout(5):
            await running

        tenant = await application.deployment.tenancy.catalog.tenant(acme.id)
        with await application.deployment.tenancy.administer(tenant) as db:
            assert await outbox.attempt_of(db, place.job_id) == (JobState.queued, 1)
            claimed = await outbox.claim(db, place.job_id, 1, datetime.now(UTC), timedelta(seconds=30))
            assert claimed.tries == 1  # it costs the job none

    async def test_a_waiting_job_is_cancelled_at_once_and_an_ended_one_is_not(
        self, acme, runner, enqueue, clock
    ):
        place = await enqueue(note, Happened(what="never"))

        assert await outbox.cancel(acme.db, place.job_id, clock.now()) is JobState.queued
        assert await outbox.cancel(acme.db, place.job_id, clock.now()) is None
        with pytest.raises(Pointless):
            await runner.run(place)

        assert await notes(acme, "never") == 0

    async def test_a_worker_that_must_stop_puts_its_job_back_and_that_counts_as_no_try(
        self, acme, runner, enqueue, again
    ):
        place = await enqueue(wait, Happened(what="drained"))
        running = asyncio.create_task(runner.run(place))
        await until(acme, place, lambda row: row.get("done"))

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        row = await row_of(acme, place)
        assert (row["state"], row["attempt"]) == ("queued", 1)
        claimed = await outbox.claim(
            acme.db, place.job_id, 1, datetime.now(UTC) + timedelta(minutes=1), timedelta(seconds=30)
        )
        assert claimed.tries == 1


class TestMessages:
    async def test_a_message_that_leads_to_nothing_says_why(self, acme, globex, runner, enqueue):
        place = await enqueue(note, Happened(what="once"))
        wrong = {
            Reason.no_company: place._replace(tenant_id="f" * 24),
            Reason.elsewhere: place._replace(cluster="gone"),
            Reason.no_job: place._replace(tenant_id=globex.id),
        }

        for reason, message in wrong.items():
            with pytest.raises(Pointless) as caught:
                await runner.run(message)
            assert caught.value.reason is reason
        assert (await row_of(acme, place))["state"] == "queued"

        await runner.run(place)
        with pytest.raises(Pointless) as caught:
            await runner.run(place)
        assert caught.value.reason is Reason.replayed
        assert await notes(acme, "once") == 1

    async def test_a_message_for_an_attempt_that_is_over_is_refused(
        self, acme, runner, enqueue, clock, again
    ):
        place = await enqueue(note, Happened(what="fails"))
        for _ in range(2):
            await runner.run(await again(place))
            clock.ahead += timedelta(minutes=1)

        with pytest.raises(Pointless):
            await runner.run(place)
        assert (await row_of(acme, place))["attempt"] == 2

    async def test_a_message_that_comes_twice_at_once_is_no_matter(self, acme, runner, enqueue, clock):
        place = await enqueue(note, Happened(what="taken"))
        await outbox.claim(acme.db, place.job_id, 0, clock.now(), timedelta(seconds=30))

        await runner.run(place)

        assert (await row_of(acme, place))["attempt"] == 1


def factorial_digits(number):
    """Compute apart; tell who computed it, and what it had there."""
    product = 1
    for factor in range(2, number + 1):
        product *= factor
    known = [name for name in os.environ if name.startswith("JAZZAAM_")]
    return len(str(product)), os.getpid(), os.getpriority(os.PRIO_PROCESS, 0), known


class TestComputing:
    async def test_what_computes_does_so_in_a_process_that_is_nice_and_knows_no_address(
        self, acme, runner, enqueue, monkeypatch
    ):
        monkeypatch.setenv("JAZZAAM_MONGODB_URI", "mongodb://somebody:secret@localhost")

        @job("test.note", atomic=False, process_pool=True)
        async def compute(workspace: Workspace, event: Happened, run: Run) -> list:
            return list(await run.compute(factorial_digits, 500))

        place = await enqueue(note, Happened(what="x"))
        await replace(runner, registry=Registry([compute])).run(place)

        digits, pid, niceness, known = (await row_of(acme, place))["result"]
        assert digits == 1135
        assert pid != os.getpid()
        assert niceness == 10
        assert known == []

    async def test_what_was_not_declared_so_computes_nothing(self, acme, runner, enqueue):
        @job("test.note", atomic=False)
        async def compute(workspace: Workspace, event: Happened, run: Run) -> None:
            with pytest.raises(NotDeclared):
                await run.compute(factorial_digits, 5)

        place = await enqueue(note, Happened(what="x"))
        await replace(runner, registry=Registry([compute])).run(place)

        assert (await row_of(acme, place))["state"] == "done"


async def until(company, place, true):
    async with asyncio.timeout(10):
        while not true(row := await row_of(company, place)):
            await asyncio.sleep(0.01)
    return row


def test_a_lease_is_longer_than_a_change_may_take():
    assert Lease().lasts > timedelta(seconds=25)


def test_a_place_names_its_cluster_tenant_job_and_attempt():
    assert Place._fields == ("cluster", "tenant_id", "job_id", "attempt")


class TestLongParts:
    async def test_a_part_that_outlasts_a_renewal_is_committed_at_once(self, acme, runner, enqueue):
        """The renewal waits for it, and neither undoes it nor is lost."""
        tries = []

        @job("test.note", atomic=False)
        async def slowly(workspace: Workspace, event: Happened, run: Run) -> None:
            async def work() -> None:
                tries.append(1)
                await asyncio.sleep(1.2)
                await workspace.db[NOTIFICATIONS].insert({"_id": ObjectId(), "kind": event.what})

            await run.change(work, done=1)

        short = Lease(timedelta(seconds=3), timedelta(milliseconds=50))
        place = await enqueue(note, Happened(what="long part"))
        await replace(runner, registry=Registry([slowly]), lease=short).run(place)

        row = await row_of(acme, place)
        assert (row["state"], row["done"], len(tries)) == ("done", 1, 1)

    async def test_a_job_that_takes_longer_than_it_may_has_failed(self, acme, runner, enqueue):
        @job("test.note", atomic=False, longest=timedelta(milliseconds=50))
        async def endless(_workspace: Workspace, _event: Happened) -> None:
            await asyncio.sleep(60)

        place = await enqueue(note, Happened(what="x"))
        await replace(runner, registry=Registry([endless])).run(place)

        row = await row_of(acme, place)
        assert (row["state"], row["lastError"]) == ("queued", "TimeoutError")


@pytest.mark.parametrize(
    "cron", ["x", {}, {"fireAt": 1}, {"fireAt": datetime(2026, 1, 1, tzinfo=UTC), "zone": "x" * 10**6}]
)
async def test_a_row_that_says_it_comes_again_and_does_not_comes_once(acme, runner, enqueue, cron):
    """A dedicated company's own MongoDB user may write such a row."""
    place = await enqueue(note, Happened(what="once"))
    await acme.db[JOBS].update_one({"_id": place.job_id}, {"$set": {"cron": cron}})

    await runner.run(place)

    assert (await row_of(acme, place))["state"] == "done"
    assert await acme.db[JOBS].count({}) == 1
    assert await outbox.scheduled(acme.db) == []
