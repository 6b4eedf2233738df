"""The exports' routes."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from jazzaam.control.accounts.errors import ConfirmationNeeded
from jazzaam.control.dependencies import (
    SIGNED_IN,
    is_recently_confirmed,
    require_confirmed,
    session_principal,
)
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.crm.dependencies import MEMBER_ERRORS, MEMBER_WRITE_ERRORS, CurrentWorkspace
from jazzaam.crm.exports import service
from jazzaam.crm.exports.dependencies import OpenDownload
from jazzaam.crm.exports.errors import ExportNotFound
from jazzaam.crm.exports.schemas import ExportList, ExportRef
from jazzaam.web.head import IS_HEAD
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented

router = APIRouter(prefix="/company/exports", tags=["company"], dependencies=SIGNED_IN)

_NEEDS = needs(Permission.company_export)


@router.get(
    "",
    summary="List exports",
    openapi_extra=_NEEDS,
    response_model=ExportList,
    responses=documented(*MEMBER_ERRORS),
)
async def list_exports(request: Request, workspace: CurrentWorkspace) -> Response:
    """List exports, the newest first; one that is done has an address, good once within ten minutes.

    The address stands there for who proved who they are within five minutes (`POST /auth/confirm`).
    """
    by_key = "x-api-key" in request.headers
    session_id = None if by_key else (await session_principal(request)).session_id
    links = await is_recently_confirmed(request)
    return json_response({"items": await service.list_exports(workspace, session_id, links=links)})


@router.post(
    "",
    status_code=202,
    summary="Export the company",
    dependencies=[IDEMPOTENT],
    openapi_extra=_NEEDS,
    response_model=ExportRef,
    responses=documented(*MEMBER_WRITE_ERRORS, ConfirmationNeeded),
)
async def request_export(request: Request, workspace: CurrentWorkspace) -> Response:
    """Have everything of the company written to one file: a capsule, as `jazzaam tenants import` takes it.

    It is a job: GET /jobs/{id} tells how far it is.
    """
    await require_confirmed(request, Permission.company_export)
    export_id = await service.request_export(workspace)
    headers = {"Location": f"/api/v1/jobs/{export_id}"}
    return json_response({"id": export_id, "jobId": export_id}, 202, headers)


@router.get(
    "/{exportId}/file",  # noqa: FAST003 - its door takes it
    summary="Fetch an export",
    openapi_extra=_NEEDS,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The capsule.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **documented(*MEMBER_WRITE_ERRORS, ExportNotFound, ConfirmationNeeded),
    },
)
async def fetch_export(request: Request, download: OpenDownload) -> Response:
    """Fetch an export's file, with the link of GET /company/exports, or recently confirmed.

    A link is good once. It breaks off within a second of when who fetches it may no more.
    """
    workspace, export_id, link_id, still = download
    fetch = IS_HEAD not in request.scope
    file_id, size = await service.open_file(workspace, export_id, link_id, fetch=fetch)
    name = f"{workspace.db.tenant.id}-{export_id}.capsule"
    headers = {"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{name}"'}
    if not fetch:
        return Response(headers=headers, media_type="application/octet-stream")
    content = service.file_of(workspace, file_id, still)
    return StreamingResponse(content, headers=headers, media_type="application/octet-stream")
