"""The rules of exports."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.billing.plans import LIMITS
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.exports import jobs
from jazzaam.crm.exports.errors import ExportNotFound
from jazzaam.crm.exports.events import ExportExpired, ExportRequested
from jazzaam.crm.exports.models import EXPORT_LASTS, LINK_LASTS, ExportStatus
from jazzaam.crm.exports.repository import ExportRepository
from jazzaam.crm.workspace import Workspace
from jazzaam.integrations.files import FileMissing, Shelf
from jazzaam.jobs import outbox
from jazzaam.jobs.models import UNENDED, JobState
from jazzaam.signing import BadSignature, Keyring
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.limits import LimitReached, allowed_to

_PURPOSE: Final = "download"
_STATUS: Final = {
    JobState.queued: ExportStatus.queued,
    JobState.running: ExportStatus.running,
    JobState.done: ExportStatus.done,
    JobState.dead: ExportStatus.failed,
    JobState.cancelled: ExportStatus.ended,
}


@dataclass(frozen=True, slots=True)
class Link:
    """What a signed link stands for: a session's right to fetch one export of one company, once."""

    tenant_id: str
    session_id: str
    export_id: ObjectId
    id: ObjectId


async def request_export(workspace: Workspace) -> ObjectId:
    """Have everything of the company written to one file; gives the export's id.

    Raises `Forbidden`, or `LimitReached` while as many are being written as the plan allows at once.
    """
    workspace.member.require(Permission.company_export)
    actor, now = workspace.member.actor, workspace.clock.now()
    expires_at = now + EXPORT_LASTS

    async def work() -> ObjectId:
        exports = ExportRepository(workspace.db)
        await exports.take_turn()
        await _require_room(workspace, exports)
        for old in await exports.too_many():
            workspace.enqueue(jobs.forget, ExportExpired(old))
        asked = ExportRequested(by_kind=actor.kind, by_id=actor.id)
        export_id = workspace.enqueue(jobs.write, asked)
        workspace.enqueue(jobs.forget, ExportExpired(export_id), due_at=expires_at)
        row = {
            "_id": export_id,
            "requestedBy": {"kind": actor.kind, "id": actor.id},
            "createdAt": now,
            "expiresAt": expires_at,
        }
        await exports.add(row)
        workspace.audit(Action.export, Resource.export, export_id)
        return export_id

    return await workspace.change(work)


async def _require_room(workspace: Workspace, exports: ExportRepository) -> None:
    allowed = allowed_to(workspace.db.tenant, LIMITS["exportsAtOnce"])
    rows = await exports.newest()
    known = await outbox.show_all(workspace.db, [row["_id"] for row in rows])
    under_way = sum(row["state"] in UNENDED for row in known.values())
    if allowed is not None and under_way >= allowed:
        raise LimitReached(LIMITS["exportsAtOnce"], allowed)


async def list_exports(workspace: Workspace, session_id: str | None, *, links: bool) -> list[Document]:
    """List the exports, the newest first; with `links` those that are done have their address.

    It is good for `session_id`; without a session it takes what every other request takes. Raises
    `Forbidden`.
    """
    workspace.member.require(Permission.company_export)
    rows = await ExportRepository(workspace.db).newest()
    known = await outbox.show_all(workspace.db, [row["_id"] for row in rows])
    return [_shown(workspace, row, known.get(row["_id"], {}), session_id, links=links) for row in rows]


def _shown(
    workspace: Workspace, row: Document, job: Document, session_id: str | None, *, links: bool
) -> Document:
    status = _STATUS[JobState(job["state"])] if job else ExportStatus.failed
    result: dict[str, Any] = job.get("result") or {}
    shown: Document = {
        "id": row["_id"],
        "status": status,
        "requestedBy": row["requestedBy"]["id"],
        "createdAt": row["createdAt"],
        "expiresAt": row["expiresAt"],
        "bytes": result.get("bytes"),
        "documents": result.get("documents"),
        "url": None,
    }
    if links and status is ExportStatus.done:
        shown["url"] = _address(workspace, row["_id"], session_id)
    return shown


def _address(workspace: Workspace, export_id: ObjectId, session_id: str | None) -> str:
    services = workspace.services
    address = f"{services.public_url}/api/v1/company/exports/{export_id}/file"
    if session_id is None:
        return address
    until = workspace.clock.now() + LINK_LASTS
    link = Link(workspace.db.tenant.id, session_id, export_id, ObjectId())
    return f"{address}?link={write_link(services.keyring, link, until)}"


def write_link(keyring: Keyring, link: Link, until: datetime) -> str:
    """Sign a link that is good until then."""
    said = {"t": link.tenant_id, "s": link.session_id, "e": link.export_id, "i": link.id, "x": until}
    return keyring.seal(_PURPOSE, said)


def read_link(keyring: Keyring, text: str, at: datetime) -> Link | None:
    """Read a link; None for one that we did not sign, or that is over."""
    try:
        said = keyring.unseal(_PURPOSE, text)
    except BadSignature:
        return None
    return Link(said["t"], said["s"], said["e"], said["i"]) if said["x"] > at else None


async def open_file(
    workspace: Workspace, export_id: ObjectId, link_id: ObjectId | None, *, fetch: bool
) -> tuple[ObjectId, int]:
    """Return an export's file and how many bytes it has; with `fetch` begin to fetch it.

    That uses the link up and is told to the audit log. Raises `Forbidden`, `ExportNotFound`.
    """
    workspace.member.require(Permission.company_export)
    job = await outbox.show(workspace.db, export_id)
    row = await ExportRepository(workspace.db).get(export_id)
    if row is None or "fileId" not in row or job is None or job["state"] != JobState.done:
        raise ExportNotFound
    file_id: ObjectId = row["fileId"]
    try:
        size = await workspace.services.files.size(workspace.db, Shelf.exports, file_id)
    except FileMissing:
        raise ExportNotFound from None

    async def work() -> None:
        if link_id is not None and not await ExportRepository(workspace.db).use_link(export_id, link_id):
            raise ExportNotFound
        workspace.audit(Action.export, Resource.export, export_id, fields=["file"])

    if fetch:
        await workspace.change(work)
    return file_id, size


async def file_of(
    workspace: Workspace, file_id: ObjectId, still: Callable[[], Awaitable[None]]
) -> AsyncGenerator[bytes]:
    """Read an export's file; `still` is asked before each piece, and ends it by raising."""
    async for piece in workspace.services.files.read(workspace.db, Shelf.exports, file_id):
        await still()
        yield piece
