"""What `jazzaam jobs` does: each a function on an application that acts as *operator*."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bson import ObjectId

from jazzaam.cli.operation import Say, known_tenant
from jazzaam.composition import Application
from jazzaam.errors import Conflict, InvalidInput, NotFound
from jazzaam.identifiers import is_object_id
from jazzaam.jobs import outbox
from jazzaam.jobs.letters import DeadLetters
from jazzaam.jobs.models import JobState
from jazzaam.jobs.outbox import Database
from jazzaam.jobs.schedule import Beat, next_fire
from jazzaam.tenancy.database import Document, TenantDatabase
from jazzaam.tenancy.users import OPERATOR

SYSTEM: Final = "system"
"""How the operator names the shared database, which has jobs of its own."""


class NoSuchJob(NotFound):
    """There is no such job there; `jazzaam jobs list` shows what there is."""


class JobNotThus(Conflict):
    """The job is in no state for that."""


async def list_jobs(
    application: Application,
    where: str | None,
    states: Sequence[JobState],
    name: str | None,
    limit: int,
    say: Say,
) -> None:
    """Say the jobs in some states, of one company or of all, those due first before others."""
    if where is not None:
        async with _database(application, where) as db:
            _say_jobs(where, await outbox.find(db, states, name, limit), say)
        return
    deployment = application.deployment
    _say_jobs(SYSTEM, await outbox.find(deployment.system(), states, name, limit), say)

    async def visit(db: TenantDatabase) -> list[Document]:
        return await outbox.find(db, states, name, limit)

    async for outcome in deployment.tenancy.each(visit, user=OPERATOR):
        if outcome.error is not None:
            say(f"{outcome.tenant_id}  could not be read: {type(outcome.error).__name__}")
        _say_jobs(outcome.tenant_id, outcome.result or [], say)


async def show(application: Application, where: str, job: str, say: Say) -> None:
    """Say all that is told of one job; raises `NoSuchJob`."""
    async with _database(application, where) as db:
        row = await outbox.show(db, _job_id(job))
    if row is None:
        raise NoSuchJob
    for field, value in row.items():
        say(f"{field.lstrip('_'):<12} {_plain(value, 1_000)}")


async def retry(application: Application, where: str, job: str, say: Say) -> None:
    """Have a dead or cancelled job tried again; raises `NoSuchJob`, `JobNotThus`."""
    async with _database(application, where) as db:
        if not await outbox.retry(db, _job_id(job), application.control.clock.now()):
            raise await _why_not(db, job, "retried: only a dead or a cancelled one is")
    say(f"{job} is queued again.")


async def cancel(application: Application, where: str, job: str, say: Say) -> None:
    """Cancel a job that waits, and ask one that runs to stop; raises `NoSuchJob`, `JobNotThus`."""
    async with _database(application, where) as db:
        was = await outbox.cancel(db, _job_id(job), application.control.clock.now())
        if was is None:
            raise await _why_not(
                db, job, "cancelled: it has ended, or it comes by itself and has not begun"
            )
    if was is JobState.queued:
        say(f"{job} is cancelled.")
    else:
        say(f"{job} runs: it stops at its next checkpoint, if it has any.")


async def crons(application: Application, where: str | None, say: Say) -> None:
    """Say every schedule, and when it fires next: for the installation, or for one company."""
    now = application.control.clock.now()
    async with _database(application, where or SYSTEM) as db:
        planned = {row["name"]: row for row in await outbox.scheduled(db)}
    for job in application.control.registry.jobs:
        cron = job.cron
        if cron is None or (where not in (None, SYSTEM) and cron.beat is Beat.control):
            continue
        row = planned.get(job.name)
        if row is not None:
            fires = f"{row['dueAt']:%Y-%m-%d %H:%M:%S} UTC ({row['state']}, {row['cron']['zone']})"
        elif where is None and cron.beat is not Beat.control:
            fires = _of_each(next_fire(cron, now).strftime("%Y-%m-%d %H:%M"), cron.beat, cron.spread)
        else:
            fires = "not planned yet"
        say(f"{job.name:<32} {cron.expression:<22} {cron.beat:<8} {fires}")


async def letters(application: Application, limit: int, say: Say) -> None:
    """Say which messages led to nothing, the latest first."""
    found = await DeadLetters(application.deployment.system).find(limit)
    for row in found:
        say(
            f"{row['_id'][:16]}  {row['count']:>5} times, last {row['lastAt']:%Y-%m-%d %H:%M:%S} UTC: "
            f"{row['reason']}"
        )
    if not found:
        say("There are none.")


@asynccontextmanager
async def _database(application: Application, where: str) -> AsyncGenerator[Database]:
    """Open what the operator named; raises `InvalidInput`, `TenantNotFound`, `ClusterSilent`."""
    if where == SYSTEM:
        yield application.deployment.system()
        return
    tenant = await known_tenant(application, where)
    with await application.deployment.tenancy.administer(tenant, OPERATOR) as db:
        yield db


def _job_id(text: str) -> ObjectId:
    if not is_object_id(text):
        raise InvalidInput([], f"{text[:60]!r} is not a job's id.")
    return ObjectId(text)


async def _why_not(db: Database, job: str, what: str) -> NoSuchJob | JobNotThus:
    row = await outbox.show(db, _job_id(job))
    return NoSuchJob() if row is None else JobNotThus(f"{job} is {row['state']} and cannot be {what}.")


def _say_jobs(where: str, rows: Sequence[Document], say: Say) -> None:
    for row in rows:
        error = f"  {_plain(row['lastError'])}" if row.get("lastError") else ""
        progress = f"  {_plain(row.get('done', 0))} of {_plain(row['total'])}" if row.get("total") else ""
        state, due = _plain(row.get("state")), _plain(row.get("dueAt"))[:19]
        say(
            f"{where:<24}  {_plain(row['_id'])}  {state:<9}  {due}  "
            f"{_plain(row.get('attempt')):>2}  {_plain(row.get('name'))}{progress}{error}"
        )


def _plain(value: object, longest: int = 80) -> str:
    """Put a stored value on one line: a dedicated company's own user may have written it."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:longest])


def _of_each(first: str, beat: Beat, spread: object) -> str:
    if beat is Beat.company:
        return f"each company, by its own clocks; in UTC {first}"
    return f"each company, from {first} UTC over {spread}"
