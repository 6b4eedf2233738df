"""The logo's routes, and the address under which anybody sees it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from jazzaam.control.dependencies import SIGNED_IN
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dependencies import (
    MEMBER_ERRORS,
    MEMBER_WRITE_ERRORS,
    CurrentWorkspace,
    LinkDead,
    open_for_link,
)
from jazzaam.crm.logo import service
from jazzaam.crm.logo.errors import LogoNotFound, PictureRefused
from jazzaam.crm.logo.models import MEDIA_TYPES, MISNAMED
from jazzaam.crm.logo.schemas import Logo
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented, general_problem, unsupported_media_type

router = APIRouter(prefix="/company/logo", tags=["company"], dependencies=SIGNED_IN)
pages = APIRouter(include_in_schema=False)

_BODY = {
    "requestBody": {
        "required": True,
        "description": "The picture itself, 2 MB at most.",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES
        },
    }
}
_SEEN = {
    "Cache-Control": "public, max-age=86400, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


async def _body(request: Request) -> bytes:
    """Read the picture before anything is checked, so that nothing ends while it comes."""
    return await request.body()


@router.get(
    "",
    summary="Where is the logo?",
    openapi_extra=needs(Permission.company_read),
    responses=documented(*MEMBER_ERRORS, LogoNotFound),
)
async def get_logo(workspace: CurrentWorkspace) -> Logo:
    """Say where the company's logo is, for anybody."""
    return await service.get_logo(workspace)


@router.put(
    "",
    summary="Change the logo",
    openapi_extra={**needs(Permission.company_write), **_BODY},
    response_model=Logo,
    responses=documented(*MEMBER_WRITE_ERRORS, PictureRefused),
)
async def put_logo(
    request: Request, sent: Annotated[bytes, Depends(_body)], workspace: CurrentWorkspace
) -> Response:
    """Have a PNG, JPEG or WebP picture be the logo. It is drawn anew, as a PNG of at most 512 pixels."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (*MEDIA_TYPES, *MISNAMED):
        return unsupported_media_type(*MEDIA_TYPES)
    logo = await service.put_logo(workspace, sent)
    return json_response(logo.model_dump(by_alias=True))


@router.delete(
    "",
    status_code=204,
    summary="Remove the logo",
    openapi_extra=needs(Permission.company_write),
    responses=documented(*MEMBER_WRITE_ERRORS, LogoNotFound),
)
async def remove_logo(workspace: CurrentWorkspace) -> None:
    """Have no logo; its address shows nothing any more."""
    await service.remove_logo(workspace)


@pages.get("/i/{link}")
async def picture(request: Request, link: str) -> Response:
    """Show a logo to whoever has its address."""
    named = service.tenant_of_link(request.app.state.control.keyring, link)
    if named is None:
        return general_problem(404)
    tenant_id, file_id = named
    try:
        workspace = await open_for_link(request, tenant_id)
        png = await service.read_picture(workspace, file_id)
    except (LinkDead, LogoNotFound):
        return general_problem(404)
    return Response(png, headers=_SEEN, media_type="image/png")
