"""What `jazzaam jobs` does: each a function on an application that acts as *operator*."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bson import ObjectId

from jazzaam.cli.operation import Say, known_tenant
from jazzaam.cli.words import counted, plain
from jazzaam.composition import Application
from jazzaam.errors import Conflict, InvalidInput, NotFound
from jazzaam.identifiers import is_object_id
from jazzaam.jobs import outbox
from jazzaam.jobs.clocks import seats
from jazzaam.jobs.letters import DeadLetters
from jazzaam.jobs.models import JobState
from jazzaam.jobs.outbox import Database
from jazzaam.jobs.schedule import Beat, next_fire
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.report import all_reports, reports
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
    """Say the jobs in some states, of one company or of all: those due first, of ended ones the latest."""

    async def some(db: Database) -> list[Document]:
        return await outbox.find(db, states, name, limit + 1)

    if where is not None:
        async with _database(application, where) as db:
            _say_jobs(where, await some(db), limit, say)
        return
    deployment = application.deployment
    _say_jobs(SYSTEM, await some(deployment.system()), limit, say)
    async for outcome in deployment.tenancy.each(some, user=OPERATOR):
        if outcome.error is not None:
            say(f"{outcome.tenant_id}  could not be read: {type(outcome.error).__name__}")
        _say_jobs(outcome.tenant_id, outcome.result or [], limit, say)


async def show(application: Application, where: str, job: str, say: Say) -> None:
    """Say all that is told of one job; raises `NoSuchJob`."""
    async with _database(application, where) as db:
        row = await outbox.show(db, _job_id(job))
    if row is None:
        raise NoSuchJob
    if "endedAt" in row:
        row.pop("dueAt", None)  # the end of its last lease
    for field in ("_id", *outbox.SHOWN):
        if field in row:
            say(f"{field.lstrip('_'):<12} {plain(row[field], 1_000)}")


async def workers(application: Application, say: Say) -> None:
    """Say which processes run jobs, how many at once, and which relays each cluster's."""
    system, now = application.deployment.system(), application.control.clock.now()
    for row in await reports(system, now):
        process = row["process"]
        if row.get("slots"):
            slots = counted(row["slots"], "job")
            say(f"{process['host']} {process['pid']}: {slots} at once")
    known = await all_reports(system)
    for seat in await seats(system):
        state = "relays" if seat["until"] > now else "relayed until it ended"
        say(f"cluster {seat['_id']}: {_holder(known, seat['holder'])} {state}")


def _holder(found: Sequence[Document], holder: ObjectId) -> str:
    for row in found:
        if row["_id"] == holder and "process" in row:
            return f"{row['process']['host']} {row['process']['pid']}"
    return "a process that is gone"


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
            raise await _why_not(db, job, "cancelled")
    if was is JobState.queued:
        say(f"{job} is cancelled.")
    else:
        say(f"{job} runs: it stops at its next checkpoint, if it has any.")


async def crons(application: Application, where: str | None, say: Say) -> None:
    """Say every schedule, and when it fires next: for the installation, or for one company."""
    now = application.control.clock.now()
    async with _database(application, SYSTEM if where is None else where) as db:
        planned = {row["name"]: row for row in await outbox.scheduled(db)}
    for job in application.control.registry.jobs:
        cron = job.cron
        if cron is None or (where is not None and (where == SYSTEM) != (cron.beat is Beat.control)):
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
        times = counted(row["count"], "time")
        say(f"{row['_id'][:16]}  {times:>11}, last {plain(row['lastAt'])}: {row['reason']}")
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
    if row is None:
        return NoSuchJob()
    state = "a schedule's next fire" if row["state"] == JobState.queued and "cron" in row else row["state"]
    return JobNotThus(f"{job} is {plain(state)} and cannot be {what}.")


def _say_jobs(where: str, rows: Sequence[Document], limit: int, say: Say) -> None:
    for row in rows[:limit]:
        error = f"  {plain(row['lastError'])}" if row.get("lastError") else ""
        progress = f"  {plain(row.get('done', 0))} of {plain(row['total'])}" if row.get("total") else ""
        state, at = plain(row.get("state")), plain(row.get("endedAt") or row.get("dueAt"))[:19]
        say(
            f"{where:<24}  {plain(row['_id'])}  {state:<9}  {at}  "
            f"{plain(row.get('attempt')):>2}  {plain(row.get('name'))}{progress}{error}"
        )
    if len(rows) > limit:
        say(f"{where:<24}  … and more: --limit")


def _of_each(first: str, beat: Beat, spread: object) -> str:
    if beat is Beat.company:
        return f"each company, by its own clocks; in UTC {first}"
    return f"each company, from {first} UTC over {spread}"
