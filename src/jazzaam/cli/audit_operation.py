"""What `jazzaam audit verify` does, as *operator*."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from bson import ObjectId

from jazzaam.cli.operation import KEPT, Say, known_tenant
from jazzaam.cli.words import counted
from jazzaam.composition import Application
from jazzaam.control.audit.heads import Head, HeadsFile
from jazzaam.control.audit.models import APPENDING
from jazzaam.control.audit.repository import AuditRepository, appended, companies_with_rows
from jazzaam.control.audit.verifying import verify_chain
from jazzaam.errors import InvalidInput
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JobState
from jazzaam.jobs.outbox import Database
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.models import TenantId
from jazzaam.tenancy.users import OPERATOR

_MOST: Final = 10_000
_OF_NONE: Final = "of no company"


async def verify(application: Application, companies: Sequence[str], heads: Path | None, say: Say) -> int:
    """Verify the chains of some companies or of all, and of what is of none; gives how much is wrong.

    What waits to be appended is told, and is wrong only when it was given up. Raises `InvalidInput` for a
    file of heads that cannot be read.
    """
    told = _told(application.control.audit_heads.path, heads, say)
    wrong = 0
    for company_id in await _chosen(application, companies, told):
        wrong += await _verify_one(application, company_id, told, say)
    for text in companies:
        await known_tenant(application, text)
    chosen = [TenantId(text) for text in companies]
    catalog = application.deployment.tenancy.catalog
    tenants = [one for one in await catalog.tenants(*KEPT) if not chosen or one.id in chosen]
    if not companies:
        waiting = await _waiting(application.deployment.system())
        wrong += await _tell_waiting("the shared database", waiting, say)
    wrong += await _lost_of_shared(application, {one.id for one in tenants}, say, everything=not companies)
    each = application.deployment.tenancy.each(_waiting, tenants=tenants, user=OPERATOR)
    async for outcome in each:
        if outcome.error is not None:
            say(f"{outcome.tenant_id}: could not be looked at: {type(outcome.error).__name__}")
            wrong += 1
            continue
        wrong += await _tell_waiting(outcome.tenant_id, outcome.result or [], say)
        done = [job["_id"] for job in outcome.result or () if job["state"] == JobState.done]
        wrong += await _lost(application, ObjectId(outcome.tenant_id), done, say)
    say("Nothing is wrong." if not wrong else f"{counted(wrong, 'thing is', 'things are')} wrong.")
    return wrong


async def _verify_one(
    application: Application, company_id: ObjectId | None, told: Sequence[Head], say: Say
) -> int:
    name = str(company_id or _OF_NONE)
    mine = [head for head in told if head.company == str(company_id or "")]
    system, keyring = application.deployment.system(), application.audit_keyring
    report = await verify_chain(system, keyring, company_id, mine)
    erased = f", {report.erased} of them of erased persons" if report.erased else ""
    say(f"{name}: {counted(report.rows, 'row')}{erased}")
    for found in report.findings:
        say(f"{name}: row {found.seq} {found.finding}")
    return len(report.findings)


async def _chosen(
    application: Application, companies: Sequence[str], told: Sequence[Head]
) -> list[ObjectId | None]:
    """List whose chains are to be looked at: also those of which only a head is left."""
    if companies:
        naming = application.deployment.tenancy.naming
        return [ObjectId(naming.require(text)) for text in companies]
    deployment = application.deployment
    there = await companies_with_rows(deployment.system())
    of_heads = {ObjectId(head.company) if head.company else None for head in told}
    gone: list[ObjectId | None] = [
        one
        for one in of_heads - set(there)
        if one is None or not await deployment.erasure.is_erased(TenantId(str(one)))
    ]
    return [*there, *gone]


async def _waiting(db: Database) -> list[Document]:
    """List the jobs that append to the log, those that have ended too."""
    found: list[Document] = []
    for name in APPENDING:
        found += await outbox.find(db, tuple(JobState), name, _MOST)
    return found


async def _tell_waiting(where: str, jobs: Sequence[Document], say: Say) -> int:
    waiting = [job for job in jobs if job["state"] in (JobState.queued, JobState.running)]
    given_up = [job for job in jobs if job["state"] in (JobState.dead, JobState.cancelled)]
    if waiting:
        say(f"{where}: {counted(len(waiting), 'entry waits', 'entries wait')} to be appended")
    if given_up:
        entries = counted(len(given_up), "entry was", "entries were")
        say(f"{where}: {entries} given up: `jazzaam jobs list --state dead`")
    return len(given_up)


async def _lost(
    application: Application, company_id: ObjectId | None, job_ids: Sequence[ObjectId], say: Say
) -> int:
    """Find entries whose job says that they were appended, and that are not in the chain."""
    rows = AuditRepository(application.deployment.system(), company_id)
    lost = [job_id for job_id in job_ids if not await rows.has(job_id)]
    for job_id in lost:
        say(f"{company_id or _OF_NONE}: the entry of the job {job_id} was appended, and is gone")
    return len(lost)


async def _lost_of_shared(
    application: Application, tenants: Collection[TenantId], say: Say, *, everything: bool
) -> int:
    """Find those whose jobs stand in the shared database; an erased company's log went with it."""
    lost = 0
    async for job_id, company_id in appended(application.deployment.system()):
        if TenantId(str(company_id)) in tenants or (everything and company_id is None):
            lost += await _lost(application, company_id, [job_id], say)
    return lost


def _told(usual: Path, named: Path | None, say: Say) -> list[Head]:
    """Read the heads, and say how many there are: without them no end that was cut off is missed."""
    path = named or usual
    try:
        if named is not None and not named.exists():
            raise InvalidInput([], f"The heads cannot be read: there is no file {named}.")
        told = list(HeadsFile(path).told())
    except (OSError, ValueError) as error:
        raise InvalidInput([], f"The heads cannot be read: {error}.") from None
    say(
        f"{counted(len(told), 'head')} in {path}" if path.exists() else f"No heads: there is no file {path}"
    )
    return told
