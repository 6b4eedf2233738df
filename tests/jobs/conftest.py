"""Jobs made for these tests, and what runs them: the real parts over a registry of their own."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from bson import ObjectId

from jazzaam.control.audit.jobs import append_control
from jazzaam.control.plane import ControlPlane
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.crm.workspace import Workspace
from jazzaam.events import Event
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, Place
from jazzaam.jobs.registry import Fired, Registry, job
from jazzaam.jobs.retry import RetryPolicy
from jazzaam.jobs.run import Run
from jazzaam.jobs.runner import Lease
from jazzaam.jobs.schedule import Beat, Cron
from jazzaam.worker import create_runner


@dataclass(frozen=True, slots=True)
class Happened(Event):
    kind: ClassVar[str] = "test.happened"
    what: str


@dataclass(frozen=True, slots=True)
class Asked(Event):
    kind: ClassVar[str] = "test.asked"
    version: ClassVar[int] = 3
    count: int
    names: list[str]
    at: datetime | None


class Later:
    """A clock that can be moved."""

    def __init__(self, clock):
        self.clock, self.ahead = clock, timedelta()

    def now(self):
        return self.clock.now() + self.ahead


async def leave_note(db, what):
    await db[NOTIFICATIONS].insert(
        {"_id": ObjectId(), "kind": what, "isRead": False, "createdAt": datetime.now(UTC)}
    )


@job("test.note", atomic=True, retry=RetryPolicy(attempts=3, first=timedelta(seconds=10)))
async def note(workspace: Workspace, event: Happened) -> str:
    await leave_note(workspace.db, event.what)
    if event.what.startswith("fails"):
        raise RuntimeError("the secret password is x")
    return event.what


@job("test.count", atomic=False, retry=RetryPolicy(attempts=3))
async def count(workspace: Workspace, event: Asked, run: Run) -> int:
    """Leave so many notes, one change each."""
    while run.done < event.count:
        await run.change(
            lambda: leave_note(workspace.db, f"counted {run.done}"), done=run.done + 1, total=event.count
        )
        if event.names and run.done == 2 and run.attempt == 1:
            raise ConnectionError
    return run.done


@job("test.wait", atomic=False)
async def wait(workspace: Workspace, event: Happened, run: Run) -> None:
    """Go on until it is cancelled."""
    await leave_note(workspace.db, f"began {event.what}")
    for number in range(100_000):
        await run.checkpoint(number, 100_000)
        await asyncio.sleep(0.01)


@job("test.daily", atomic=True, cron=Cron("30 8 * * *", Beat.company))
async def daily(workspace: Workspace, fired: Fired) -> None:
    await leave_note(workspace.db, f"daily {fired.fire_at:%Y-%m-%dT%H:%M}")


@job(
    "test.nightly",
    atomic=False,
    retry=RetryPolicy(attempts=1),
    cron=Cron("0 1 * * *", Beat.fleet, spread=timedelta(hours=4)),
)
async def nightly(workspace: Workspace, fired: Fired) -> None:
    await leave_note(workspace.db, "nightly")
    raise RuntimeError


@job("test.own", atomic=True, cron=Cron("* * * * *", Beat.control))
async def own(_plane: ControlPlane, _fired: Fired) -> None:
    pass


TESTED = Registry([note, count, wait, daily, nightly, own, append_control])
"""And what making a company asks for."""


@pytest.fixture
def clock(application):
    return Later(application.control.clock)


@pytest.fixture
def process(app, application, clock):
    """The application with these jobs, and a clock that is moved by hand."""
    return replace(
        application,
        control=replace(application.control, registry=TESTED, clock=clock),
        workspaces=replace(application.workspaces, registry=TESTED, clock=clock),
    )


@pytest.fixture
def runner(process):
    quick = Lease(timedelta(seconds=30), timedelta(milliseconds=20))
    return replace(create_runner(process), lease=quick)


@pytest.fixture
def enqueue(acme, clock):
    async def enqueue(known, event, company=acme):
        row = outbox.row_of(known, event, clock.now(), clock.now())
        await company.db[JOBS].insert(row)
        return Place("main", company.id, row["_id"], 0)

    return enqueue


@pytest.fixture
def again(acme):
    """Say where a job's next attempt is."""

    async def again(place, company=acme):
        _, attempt = await outbox.attempt_of(company.db, place.job_id)
        return place._replace(attempt=attempt)

    return again


async def row_of(company, place):
    fields = {**outbox.SHOWN, "lease": 1, "expiresAt": 1, "args": 1}
    return await company.db[JOBS].find_one({"_id": place.job_id}, fields)
