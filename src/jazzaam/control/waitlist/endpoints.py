"""The waiting list's routes: one for anybody, the rest for who runs the platform."""

from typing import Annotated

from bson import ObjectId
from fastapi import APIRouter, Query, Request, Response

from jazzaam.control.dependencies import (
    IN_PERSON,
    PERSON_ERRORS,
    Plane,
    PlaneOnceForAnybody,
    PlatformAdmin,
    spend_message,
)
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.control.waitlist import service
from jazzaam.control.waitlist.errors import WaitlistEntryNotFound
from jazzaam.control.waitlist.models import NewEntry
from jazzaam.control.waitlist.schemas import (
    WaitlistChange,
    WaitlistEntry,
    WaitlistJoin,
    WaitlistPage,
    WaitlistQuery,
    WaitlistStats,
)
from jazzaam.errors import Forbidden, TooManyRequests
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter()

_ADMIN = needs(Access.platform_admin)
_ERRORS = (*PERSON_ERRORS, Forbidden)


@router.post(
    "/waitlist",
    tags=["platform"],
    status_code=202,
    response_class=Response,
    summary="Join the waiting list",
    dependencies=[IDEMPOTENT],
    openapi_extra=needs(Access.nothing),
    responses=documented(TooManyRequests),
)
async def join(request: Request, body: WaitlistJoin, plane: PlaneOnceForAnybody) -> Response:
    """Wait to be let in. The answer is the same for an address that waits already."""
    await spend_message(request)
    await service.join(plane, NewEntry(body.email, body.name, body.source, dict(body.metadata)))
    return Response(status_code=202)


@router.get(
    "/admin/waitlist",
    tags=["admin"],
    summary="List who waits",
    dependencies=IN_PERSON,
    openapi_extra=_ADMIN,
    response_model=WaitlistPage,
    responses=documented(*_ERRORS),
)
async def list_entries(
    query: Annotated[WaitlistQuery, Query()], _admin: PlatformAdmin, plane: Plane
) -> Response:
    """List who waits, the newest first."""
    rows, after = await service.list_entries(plane, query.status, query.limit, query.after)
    return json_response({"items": [resource(row) for row in rows], "next": after})


@router.get(
    "/admin/waitlist/stats",
    tags=["admin"],
    summary="Count who waits",
    dependencies=IN_PERSON,
    openapi_extra=_ADMIN,
    response_model=WaitlistStats,
    responses=documented(*_ERRORS),
)
async def stats(_admin: PlatformAdmin, plane: Plane) -> Response:
    """Count who waits, by how far they are."""
    return json_response(await service.stats(plane))


@router.patch(
    "/admin/waitlist/{entryId}",
    tags=["admin"],
    summary="Say how far somebody is",
    dependencies=IN_PERSON,
    openapi_extra=_ADMIN,
    response_model=WaitlistEntry,
    responses=documented(*_ERRORS, WaitlistEntryNotFound),
)
async def set_status(
    entryId: IdInPath,  # noqa: N803 - named on the wire
    body: WaitlistChange,
    admin: PlatformAdmin,
    plane: Plane,
) -> Response:
    """Change the status of somebody who waits."""
    row = await service.set_status(plane, admin, ObjectId(entryId), body.status)
    return json_response(resource(row))


@router.delete(
    "/admin/waitlist/{entryId}",
    tags=["admin"],
    status_code=204,
    summary="Take somebody off the waiting list",
    dependencies=IN_PERSON,
    openapi_extra=_ADMIN,
    responses=documented(*_ERRORS, WaitlistEntryNotFound),
)
async def take_off(entryId: IdInPath, admin: PlatformAdmin, plane: Plane) -> None:  # noqa: N803 - named on the wire
    """Take somebody off; they can join again."""
    await service.take_off(plane, admin, ObjectId(entryId))
