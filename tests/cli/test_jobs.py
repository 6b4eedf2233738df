"""`jazzaam jobs`, as an operator types it."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from tests.conftest import at_work

from jazzaam.crm.forms.events import FormCreated
from jazzaam.crm.forms.jobs import activate_key
from jazzaam.jobs import outbox
from jazzaam.jobs.letters import DEAD_LETTERS, DeadLetters, Reason
from jazzaam.jobs.models import JOBS, JobState
from jazzaam.worker import plan_control


@pytest.fixture
async def dead(acme):
    """A job of Acme's that was given up."""
    at = datetime.now(UTC)
    row = outbox.row_of(activate_key, FormCreated(ObjectId("a" * 24)), at, at)
    said = {"state": "dead", "attempt": 5, "lastError": "SMTPServerDisconnected", "done": 3, "total": 9}
    await acme.db[JOBS].insert({**row, **said, "endedAt": at})
    return str(row["_id"])


async def state(company, job):
    return await outbox.attempt_of(company.db, ObjectId(job))


async def test_jobs_are_listed_of_all_companies_or_of_one(command, acme, globex, dead):
    status, out, _ = await command("jobs", "list")
    assert status == 0
    (line,) = [line for line in out.splitlines() if dead in line]
    assert line.startswith(acme.id)
    assert "dead" in line
    assert "3 of 9  SMTPServerDisconnected" in line

    assert dead in (await command("jobs", "list", "--company", acme.id))[1]
    assert dead not in (await command("jobs", "list", "--company", globex.id))[1]
    assert dead not in (await command("jobs", "list", "--state", "queued"))[1]
    assert dead not in (await command("jobs", "list", "--company", acme.id, "--name", "other"))[1]


async def test_a_job_is_shown_without_its_arguments(command, acme, globex, dead):
    status, out, _ = await command("jobs", "show", acme.id, dead)
    assert "dueAt" not in out  # it has ended

    assert status == 0
    assert "forms.activate_key" in out
    assert "a" * 24 not in out
    status, _, err = await command("jobs", "show", globex.id, dead)
    assert (status, "There is no such job there" in err) == (2, True)


async def test_a_dead_job_is_retried_and_a_waiting_one_is_not(command, acme, dead):
    assert "is queued again" in (await command("jobs", "retry", acme.id, dead))[1]
    assert await state(acme, dead) == (JobState.queued, 5)

    status, _, err = await command("jobs", "retry", acme.id, dead)
    assert status == 2
    assert "is queued and cannot be retried" in err


async def test_a_waiting_job_is_cancelled_and_a_running_one_is_asked(command, acme, dead):
    await command("jobs", "retry", acme.id, dead)
    assert "is cancelled" in (await command("jobs", "cancel", acme.id, dead))[1]
    status, _, err = await command("jobs", "cancel", acme.id, dead)
    assert (status, "is cancelled and cannot be cancelled" in err) == (2, True)

    await command("jobs", "retry", acme.id, dead)
    await outbox.claim(acme.db, ObjectId(dead), 5, datetime.now(UTC), timedelta(seconds=30))
    assert "next checkpoint" in (await command("jobs", "cancel", acme.id, dead))[1]
    assert await state(acme, dead) == (JobState.running, 6)


@pytest.mark.parametrize(
    "arguments",
    [("show", "nonsense", "a" * 24), ("show", "f" * 24, "a" * 24), ("cancel", "system", "nonsense")],
)
async def test_what_is_no_id_or_unknown_is_one_line(command, app, arguments):
    status, out, err = await command("jobs", *arguments)

    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1


async def test_schedules_are_listed_with_their_next_fire(command, acme, application):
    await plan_control(application)

    out = (await command("jobs", "crons"))[1]
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "queued" in lines["tenants.repair"]
    assert "each company" in lines["trash.empty"]
    assert "over 4:00:00" in lines["trash.empty"]

    assert "trash.empty" not in (await command("jobs", "crons", "system"))[1]
    of_acme = (await command("jobs", "crons", acme.id))[1]
    assert "tenants.repair" not in of_acme
    assert "not planned yet" in of_acme


async def test_what_the_list_leaves_out_is_said(command, acme, dead):
    at = datetime.now(UTC)
    rows = [outbox.row_of(activate_key, FormCreated(ObjectId()), at, at) for _ in range(3)]
    await outbox.enqueue(acme.db, rows)

    shown = (await command("jobs", "list", "--company", acme.id, "--limit", "3"))[1]
    assert "… and more: --limit" in shown
    assert len(shown.splitlines()) == 4
    whole = (await command("jobs", "list", "--company", acme.id, "--limit", "4"))[1]
    assert "more" not in whole


async def test_workers_and_relays_are_listed(command, application):
    async with at_work(application), asyncio.timeout(20):
        while "cluster main:" not in (shown := (await command("jobs", "workers"))[1]):
            await asyncio.sleep(0.1)

    assert f"{os.getpid()} relays" in shown


async def test_dead_letters_are_listed(command, application):
    rows = application.deployment.system()[DEAD_LETTERS]
    await rows.delete_many({})
    assert "There are none." in (await command("jobs", "letters"))[1]

    await DeadLetters(application.deployment.system).leave(b"secret", Reason.forged, datetime.now(UTC))

    out = (await command("jobs", "letters"))[1]
    assert "forged" in out
    assert "secret" not in out
    await rows.delete_many({})
