"""The sign-in routes."""

from typing import Final

from bson import ObjectId
from fastapi import APIRouter, Request, Response

from jazzaam.control.accounts.errors import (
    EmailNotVerified,
    SecondFactorNeeded,
    TokenRefused,
    WrongCredentials,
)
from jazzaam.control.accounts.schemas import Tokens
from jazzaam.control.dependencies import (
    IN_PERSON,
    LOGINS_OF_ADDRESS,
    PERSON_ERRORS,
    CurrentPrincipal,
    Plane,
    SessionPrincipal,
    limits_of,
    spend_code,
    spend_password,
    spend_sign_in,
    tries_from,
)
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.plane import ControlPlane
from jazzaam.control.sign_in import service
from jazzaam.control.sign_in.errors import CompanyNotFound, NotConfirmed, SessionNotFound
from jazzaam.control.sign_in.schemas import Confirm, Login, Refresh, SessionList, SwitchCompany
from jazzaam.control.sign_in.service import Credentials
from jazzaam.errors import TooManyRequests
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/auth", tags=["accounts"])

_QUARTER: Final = 900
_OWN: Final = needs(Access.session)


@router.post(
    "/login",
    summary="Sign in",
    openapi_extra=needs(Access.nothing),
    responses=documented(WrongCredentials, SecondFactorNeeded, EmailNotVerified, TooManyRequests),
)
async def login(request: Request, body: Login, plane: Plane) -> Tokens:
    """Sign in. Every failure is the same 401, but for what is missing after a right password."""
    limits, settings = limits_of(request)
    await spend_sign_in(request)
    tries = {LOGINS_OF_ADDRESS: settings.logins_per_email}
    if body.code is not None:
        tries["codes-email"] = settings.codes_per_account
    key = await _counted_by(plane, body.email)
    for name, limit in tries.items():
        await limits.spend(name, key, limit=limit, seconds=_QUARTER)
    tokens = await service.log_in(plane, Credentials(body.email, body.password, body.code))
    for name, limit in tries.items():  # who is right keeps nobody out, not even themselves
        await limits.refund(name, key, limit=limit, seconds=_QUARTER)
    return Tokens.of(tokens)


async def _counted_by(plane: ControlPlane, email: str) -> str:
    """Return the key by which tries to sign in with an address are counted.

    Networks where its account was signed in to before count by themselves, so that nobody elsewhere can
    lock its owner out; all others count together.
    """
    return tries_from(email, plane.network) if await service.is_known(plane, email) else email


@router.post(
    "/refresh",
    summary="Exchange a refresh token",
    openapi_extra=needs(Access.nothing),
    responses=documented(TokenRefused),
)
async def refresh(body: Refresh, plane: Plane) -> Tokens:
    """Get a new pair. A refresh token that was used before ends the whole session."""
    return Tokens.of(await service.refresh(plane, body.refresh_token))


@router.post(
    "/confirm",
    status_code=204,
    summary="Prove again who I am",
    dependencies=IN_PERSON,
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS, NotConfirmed, TooManyRequests),
)
async def confirm(request: Request, body: Confirm, principal: CurrentPrincipal, plane: Plane) -> None:
    """Prove who is signed in, for what asks for it: new API keys and exports, for five minutes."""
    if body.code is not None:
        await spend_code(request, str(principal.account_id))
    else:
        await spend_password(request, principal)
    await service.confirm(plane, principal, body.password, body.code)


@router.post(
    "/logout",
    status_code=204,
    summary="Sign out",
    dependencies=IN_PERSON,
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS),
)
async def logout(principal: SessionPrincipal, plane: Plane) -> None:
    """End this session, here and in every process."""
    await service.log_out(plane, principal)


@router.post(
    "/logout-all",
    status_code=204,
    summary="Sign out everywhere",
    dependencies=IN_PERSON,
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS),
)
async def logout_all(principal: CurrentPrincipal, plane: Plane) -> None:
    """End every session of the account, this one too."""
    await service.log_out_everywhere(plane, principal)


@router.get(
    "/sessions",
    summary="Where am I signed in?",
    dependencies=IN_PERSON,
    openapi_extra=_OWN,
    response_model=SessionList,
    responses=documented(*PERSON_ERRORS),
)
async def list_sessions(principal: CurrentPrincipal, plane: Plane) -> Response:
    """List the account's own sessions, the newest first."""
    return json_response({"items": [resource(row) for row in await service.sessions(plane, principal)]})


@router.delete(
    "/sessions/{sessionId}",
    status_code=204,
    summary="End a session",
    dependencies=IN_PERSON,
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS, SessionNotFound),
)
async def end_session(
    sessionId: IdInPath,  # noqa: N803 - named on the wire
    principal: CurrentPrincipal,
    plane: Plane,
) -> None:
    """End one of the account's own sessions."""
    await service.end_session(plane, principal, ObjectId(sessionId))


@router.post(
    "/switch-company",
    summary="Work in another company",
    dependencies=IN_PERSON,
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS, CompanyNotFound, TooManyRequests),
)
async def switch_company(
    request: Request, body: SwitchCompany, principal: CurrentPrincipal, plane: Plane
) -> Tokens:
    """Get the tokens of a second session, in another company that the account works in."""
    limits, settings = limits_of(request)
    account = str(principal.account_id)
    await limits.spend("switches", account, limit=settings.switches_per_account, seconds=_QUARTER)
    return Tokens.of(await service.switch_company(plane, principal, ObjectId(body.company_id)))
