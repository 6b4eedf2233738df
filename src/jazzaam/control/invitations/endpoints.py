"""The invitation routes."""

from typing import Final

from bson import ObjectId
from fastapi import APIRouter, Request, Response

from jazzaam.control.accounts.errors import NotAPerson, PasswordTooCommon
from jazzaam.control.accounts.schemas import Tokens
from jazzaam.control.dependencies import (
    COMPANY_ERRORS,
    IN_PERSON,
    CompanyPerson,
    Plane,
    PlaneOnce,
    current_principal,
    limits_of,
    spend_sign_in,
)
from jazzaam.control.invitations import service
from jazzaam.control.invitations.errors import InvitationExists, InvitationNotFound, SignInToAccept
from jazzaam.control.invitations.schemas import AcceptInvitation, InvitationList, InvitationOut, Invite
from jazzaam.control.invitations.service import Newcomer
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.memberships.errors import AccountGone, MemberExists
from jazzaam.control.memberships.permissions import Permission, Role
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.errors import TooManyRequests
from jazzaam.tenancy.limits import LimitReached
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/invitations", tags=["team"])

_DAY: Final = 86_400


@router.get(
    "",
    summary="List invitations",
    dependencies=IN_PERSON,
    openapi_extra=needs(Permission.team_invite),
    response_model=InvitationList,
    responses=documented(*COMPANY_ERRORS, NotAPerson),
)
async def list_invitations(member: CompanyPerson, plane: Plane) -> Response:
    """List the invitations that wait, the newest first."""
    rows = await service.list_invitations(plane, member)
    return json_response({"items": [resource(row) for row in rows]})


@router.post(
    "",
    status_code=201,
    summary="Invite somebody",
    dependencies=[*IN_PERSON, IDEMPOTENT],
    openapi_extra=needs(Permission.team_invite),
    response_model=InvitationOut,
    responses=documented(
        *COMPANY_ERRORS, NotAPerson, InvitationExists, MemberExists, LimitReached, TooManyRequests
    ),
)
async def invite(request: Request, body: Invite, member: CompanyPerson, plane: PlaneOnce) -> Response:
    """Mail an address an invitation: good once, for seven days, for that address alone."""
    member.require(Permission.team_invite)
    limits, settings = limits_of(request)
    await limits.spend(
        "invitations", member.tenant_id, limit=settings.invitations_per_company, seconds=_DAY
    )
    row = await service.invite(plane, member, body.email, Role(body.role))
    return json_response(resource(row), 201)


@router.delete(
    "/{invitationId}",
    status_code=204,
    summary="Take an invitation back",
    dependencies=IN_PERSON,
    openapi_extra=needs(Permission.team_invite),
    responses=documented(*COMPANY_ERRORS, NotAPerson, InvitationNotFound),
)
async def take_back(
    invitationId: IdInPath,  # noqa: N803 - named on the wire
    member: CompanyPerson,
    plane: Plane,
) -> None:
    """Take an invitation back: its token opens nothing any more."""
    await service.take_back(plane, member, ObjectId(invitationId))


@router.post(
    "/accept",
    summary="Accept an invitation",
    openapi_extra=needs(Access.nothing),
    responses=documented(
        InvitationNotFound,
        SignInToAccept,
        AccountGone,
        MemberExists,
        LimitReached,
        PasswordTooCommon,
        TooManyRequests,
    ),
)
async def accept(request: Request, body: AcceptInvitation, plane: Plane) -> Tokens:
    """Accept with the mailed token: signed in as the invited address, or with a new account's password."""
    await spend_sign_in(request)
    signed_in = "authorization" in request.headers
    principal = await current_principal(request) if signed_in else None
    newcomer = Newcomer(body.password, body.full_name)
    return Tokens.of(await service.accept(plane, body.token, principal, newcomer))
