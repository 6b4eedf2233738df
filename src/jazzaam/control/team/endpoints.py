"""The team's routes."""

from bson import ObjectId
from fastapi import APIRouter, Response

from jazzaam.control.accounts.errors import NotAPerson
from jazzaam.control.dependencies import (
    COMPANY_ERRORS,
    IN_PERSON,
    SIGNED_IN,
    CompanyMember,
    CompanyPerson,
    Plane,
)
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.errors import LastOwner, MemberNotFound
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.team import service
from jazzaam.control.team.schemas import MemberList, MemberOut, MemberPatch
from jazzaam.control.team.service import MemberChange
from jazzaam.tenancy.limits import LimitReached
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented

router = APIRouter(prefix="/members", tags=["team"])


@router.get(
    "",
    summary="List the team",
    dependencies=SIGNED_IN,
    openapi_extra=needs(Permission.company_read),
    response_model=MemberList,
    responses=documented(*COMPANY_ERRORS),
)
async def list_members(member: CompanyMember, plane: Plane) -> Response:
    """List who works in the company, the oldest first, also who is deactivated."""
    return json_response({"items": await service.list_members(plane, member)})


@router.patch(
    "/{accountId}",
    summary="Change a member",
    dependencies=IN_PERSON,
    openapi_extra=needs(Permission.team_manage),
    response_model=MemberOut,
    responses=documented(*COMPANY_ERRORS, NotAPerson, MemberNotFound, LastOwner, LimitReached),
)
async def change_member(
    accountId: IdInPath,  # noqa: N803 - named on the wire
    body: MemberPatch,
    member: CompanyPerson,
    plane: Plane,
) -> Response:
    """Change a role, deactivate or activate. Ownership is handed over by making another one `owner`."""
    change = MemberChange(body.role, body.is_active, body.assigned_leads_type)
    return json_response(await service.change_member(plane, member, ObjectId(accountId), change))


@router.delete(
    "/{accountId}",
    status_code=204,
    summary="Remove a member",
    dependencies=IN_PERSON,
    openapi_extra=needs(Permission.team_remove),
    responses=documented(*COMPANY_ERRORS, NotAPerson, MemberNotFound, LastOwner),
)
async def remove_member(
    accountId: IdInPath,  # noqa: N803 - named on the wire
    member: CompanyPerson,
    plane: Plane,
) -> None:
    """Take somebody out of the company; they are refused everywhere within a second.

    Whoever works there may leave, whatever their role; the last owner cannot.
    """
    await service.remove_member(plane, member, ObjectId(accountId))
