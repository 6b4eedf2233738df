"""The door of downloads: a link that we signed, or what every other request takes."""

from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple

from bson import ObjectId
from fastapi import Depends, Query, Request

from jazzaam.control.accounts.sessions import Sessions
from jazzaam.control.dependencies import current_member, member_of, require_confirmed, session_principal
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlServices
from jazzaam.crm.dependencies import open_workspace_as
from jazzaam.crm.exports.errors import ExportNotFound
from jazzaam.crm.exports.service import Link, read_link
from jazzaam.crm.workspace import Workspace
from jazzaam.web.input import IdInPath

LinkQuery = Annotated[
    str | None, Query(max_length=1000, pattern=r"^[A-Za-z0-9_-]+$", description="Of GET /company/exports.")
]


class Download(NamedTuple):
    """An export somebody may fetch; `still` raises when they may no more.

    `link_id` is the link they have to it, if they are not signed in.
    """

    workspace: Workspace
    export_id: ObjectId
    link_id: ObjectId | None
    still: Callable[[], Awaitable[None]]


async def open_download(request: Request, exportId: IdInPath, link: LinkQuery = None) -> Download:  # noqa: N803 - named on the wire
    """Open an export for who has a link to it, or is signed in.

    A link, or an access token, is good for beginning; from then on the session, or the key, is asked.
    Raises `ExportNotFound` for a bad link, `ConfirmationNeeded` without one for who was not asked lately.
    """
    export_id = ObjectId(exportId)
    found = await _read(request, export_id, link)
    if found is None:
        await require_confirmed(request, Permission.company_export)
    session_id = found.session_id if found else await _own_session(request)

    async def who() -> Member:
        return await (current_member(request) if session_id is None else _in_session(request, session_id))

    workspace = await open_workspace_as(request, who)

    async def still() -> None:
        member = await who()
        member.require(Permission.company_export)
        await request.app.state.deployment.tenancy.confirm(workspace.db)

    return Download(workspace, export_id, found.id if found else None, still)


async def _own_session(request: Request) -> str | None:
    """Return the session of who is signed in; None for an API key."""
    by_key = "x-api-key" in request.headers
    return None if by_key else (await session_principal(request)).session_id


async def _read(request: Request, export_id: ObjectId, link: str | None) -> Link | None:
    """Read a link, nothing of it before its signature; raises `ExportNotFound` for a bad one."""
    if link is None:
        return None
    control: ControlServices = request.app.state.control
    found = read_link(control.keyring, link, control.clock.now())
    if found is None or found.export_id != export_id:
        raise ExportNotFound
    if (await _in_session(request, found.session_id)).tenant_id != found.tenant_id:
        raise ExportNotFound
    return found


async def _in_session(request: Request, session_id: str) -> Member:
    """Give who a session is of, as it stands now; raises `ExportNotFound` when it has ended."""
    sessions: Sessions = request.app.state.sessions
    principal = await sessions.principal(session_id)
    if principal is None or principal.ends_at <= request.app.state.control.clock.now():
        raise ExportNotFound
    return member_of(principal)


OpenDownload = Annotated[Download, Depends(open_download)]
