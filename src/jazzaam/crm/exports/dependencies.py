"""The door of downloads: a link that we signed, or what every other request takes."""

from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple

from bson import ObjectId
from fastapi import Depends, Query, Request

from jazzaam.control.accounts.sessions import Sessions
from jazzaam.control.dependencies import current_member, member_of
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dependencies import open_workspace_as
from jazzaam.crm.exports.errors import ExportNotFound
from jazzaam.crm.exports.service import read_link
from jazzaam.crm.workspace import Workspace
from jazzaam.web.input import IdInPath

LinkQuery = Annotated[
    str | None, Query(max_length=1000, pattern=r"^[A-Za-z0-9_-]+$", description="Of GET /company/exports.")
]


class Download(NamedTuple):
    """An export somebody may fetch; `still` raises when they may no more."""

    workspace: Workspace
    export_id: ObjectId
    still: Callable[[], Awaitable[None]]


async def open_download(request: Request, exportId: IdInPath, link: LinkQuery = None) -> Download:  # noqa: N803 - named on the wire
    """Open an export for who has a link to it, or is signed in; raises `ExportNotFound` for a bad link."""
    export_id = ObjectId(exportId)

    async def who() -> Member:
        return await (current_member(request) if link is None else _by_link(request, link, export_id))

    workspace = await open_workspace_as(request, who)

    async def still() -> None:
        member = await who()
        member.require(Permission.leads_export)
        await request.app.state.deployment.tenancy.confirm(workspace.db)

    return Download(workspace, export_id, still)


async def _by_link(request: Request, text: str, export_id: ObjectId) -> Member:
    """Give who a link was made for, as their session is now: nothing is read before the signature."""
    state = request.app.state
    link = read_link(state.control.keyring, text, state.control.clock.now())
    if link is None or link.export_id != export_id:
        raise ExportNotFound
    sessions: Sessions = state.sessions
    principal = await sessions.principal(link.session_id)
    if principal is None or principal.ends_at <= state.control.clock.now():
        raise ExportNotFound
    member = member_of(principal)
    if member.tenant_id != link.tenant_id:
        raise ExportNotFound
    return member


OpenDownload = Annotated[Download, Depends(open_download)]
