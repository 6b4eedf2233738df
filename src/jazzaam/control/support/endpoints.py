"""The routes of support access: the owner's, and the platform admin's."""

from datetime import timedelta

from bson import ObjectId
from fastapi import APIRouter, Response

from jazzaam.control.accounts.errors import NotAPerson
from jazzaam.control.accounts.schemas import AccessTokenOut
from jazzaam.control.dependencies import (
    COMPANY_ERRORS,
    IN_PERSON,
    PERSON_ERRORS,
    CompanyPerson,
    Plane,
    PlaneOnce,
    PlatformAdmin,
)
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.control.support import service
from jazzaam.control.support.errors import NotGranted, SupportGrantNotFound
from jazzaam.control.support.schemas import SupportGrantCreate, SupportGrantList, SupportGrantOut
from jazzaam.errors import Forbidden
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(dependencies=IN_PERSON)


@router.get(
    "/company/support-grants",
    tags=["company"],
    summary="List support grants",
    openapi_extra=needs(Access.owner),
    response_model=SupportGrantList,
    responses=documented(*COMPANY_ERRORS, NotAPerson),
)
async def list_grants(member: CompanyPerson, plane: Plane) -> Response:
    """List who was let look into the company, and when, the newest first."""
    rows = await service.list_grants(plane, member)
    return json_response({"items": [resource(row) for row in rows]})


@router.post(
    "/company/support-grants",
    tags=["company"],
    status_code=201,
    summary="Let support look",
    dependencies=[IDEMPOTENT],
    openapi_extra=needs(Access.owner),
    response_model=SupportGrantOut,
    responses=documented(*COMPANY_ERRORS, NotAPerson),
)
async def grant(body: SupportGrantCreate, member: CompanyPerson, plane: PlaneOnce) -> Response:
    """Let who runs the platform read the company's data for up to four hours, without export."""
    row = await service.grant(plane, member, body.reason, timedelta(minutes=body.minutes))
    return json_response(resource(row), 201)


@router.delete(
    "/company/support-grants/{grantId}",
    tags=["company"],
    status_code=204,
    summary="End a support grant",
    openapi_extra=needs(Access.owner),
    responses=documented(*COMPANY_ERRORS, NotAPerson, SupportGrantNotFound),
)
async def end_grant(grantId: IdInPath, member: CompanyPerson, plane: Plane) -> None:  # noqa: N803 - named on the wire
    """End a grant; whoever looks is refused within a second."""
    await service.end_grant(plane, member, ObjectId(grantId))


@router.post(
    "/admin/tenants/{companyId}/enter",
    tags=["admin"],
    summary="Look into a company that lets you",
    openapi_extra=needs(Access.platform_admin),
    responses=documented(*PERSON_ERRORS, Forbidden, NotGranted),
)
async def enter(companyId: IdInPath, admin: PlatformAdmin, plane: Plane) -> AccessTokenOut:  # noqa: N803 - named on the wire
    """Get the token of a session that reads, and ends with the company's grant.

    It cannot be refreshed: enter again.
    """
    pair = await service.enter(plane, admin, ObjectId(companyId))
    return AccessTokenOut(access_token=pair.access_token, expires_in=pair.expires_in)
