"""The account routes."""

from typing import Any

from fastapi import APIRouter, Request, Response

from jazzaam.control.accounts import service
from jazzaam.control.accounts.errors import PasswordTooCommon, WrongCode
from jazzaam.control.accounts.models import Principal
from jazzaam.control.accounts.schemas import (
    CompanyRef,
    Me,
    MeChange,
    NewCompany,
    Register,
    Registered,
    ResendCode,
    Tokens,
    VerifyEmail,
)
from jazzaam.control.accounts.service import NewAccount, Profile
from jazzaam.control.dependencies import (
    IN_PERSON,
    PERSON_ERRORS,
    CurrentPrincipal,
    Plane,
    PlaneOnce,
    SessionPrincipal,
    limits_of,
)
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.memberships.errors import AccountGone
from jazzaam.control.registrations.models import CODE_TRIES_A_DAY
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.errors import TooManyRequests
from jazzaam.web.json import json_response
from jazzaam.web.origin import network_of, networks_of
from jazzaam.web.problems import documented

router = APIRouter(tags=["accounts"])

_HOUR = 3600
_DAY = 86_400
_NETWORKS = 10
"""From how many networks the codes of one address may be tried to the full a day."""


@router.post(
    "/auth/register",
    status_code=201,
    summary="Register a company or a person",
    openapi_extra=needs(Access.nothing),
    responses=documented(PasswordTooCommon, TooManyRequests),
)
async def register(request: Request, body: Register, plane: Plane) -> Registered:
    """Keep a registration and mail its code. The answer is the same when the address is taken."""
    limits, settings = limits_of(request)
    network, site = networks_of(request)
    await limits.spend("signups-network", network, limit=settings.signups_per_network, seconds=_HOUR)
    if site is not None:
        await limits.spend("signups-site", site, limit=settings.signups_per_site, seconds=_HOUR)
    theirs = f"{body.email} {network}"
    await limits.spend("signups-email", theirs, limit=settings.signups_per_email, seconds=_HOUR)
    await limits.slow_down("signups", "all", limit=settings.signups_total, seconds=_HOUR)
    token = await service.register(
        plane, NewAccount(body.email, body.password, body.account_type, body.company_name)
    )
    return Registered(registration_token=token)


@router.post(
    "/auth/verify-email",
    summary="Prove the address, and start",
    openapi_extra=needs(Access.nothing),
    responses=documented(WrongCode, TooManyRequests),
)
async def verify_email(request: Request, body: VerifyEmail, plane: Plane) -> Tokens:
    """Enter the code: the account, and for a company its own database, are made now."""
    limits, _ = limits_of(request)
    address = await service.registered_address(plane, body.registration_token)
    if address is not None:
        theirs = (
            f"{address} {network_of(request)}"  # somebody else's tries are not counted against who is right
        )
        await limits.spend("code-tries", theirs, limit=CODE_TRIES_A_DAY, seconds=_DAY)
        await limits.spend("code-tries-all", address, limit=_NETWORKS * CODE_TRIES_A_DAY, seconds=_DAY)
    return Tokens.of(await service.verify_email(plane, body.registration_token, body.code))


@router.post(
    "/auth/resend-code",
    status_code=202,
    response_class=Response,
    summary="Ask for a new code",
    openapi_extra=needs(Access.nothing),
    responses=documented(TooManyRequests),
)
async def resend_code(request: Request, body: ResendCode, plane: Plane) -> Response:
    """Mail a new code to the address of a registration, if there is one."""
    limits, settings = limits_of(request)
    network = network_of(request)
    await limits.spend("resends-network", network, limit=settings.signups_per_network, seconds=_HOUR)
    address = await service.registered_address(plane, body.registration_token)
    if address is not None:
        await limits.spend(
            "resends", f"{address} {network}", limit=settings.signups_per_email, seconds=_HOUR
        )
    await service.resend_code(plane, body.registration_token)
    return Response(status_code=202)


@router.get(
    "/me",
    summary="Who am I, and where?",
    dependencies=IN_PERSON,
    openapi_extra=needs(Access.session),
    response_model=Me,
    responses=documented(*PERSON_ERRORS),
)
async def me(principal: SessionPrincipal, plane: Plane) -> Response:
    """Read the account that is signed in, its companies, and what it may do in the present one."""
    return json_response(_me(principal, await service.profile(plane, principal)))


@router.patch(
    "/me",
    summary="Change what I say of myself",
    dependencies=IN_PERSON,
    openapi_extra=needs(Access.session),
    response_model=Me,
    responses=documented(*PERSON_ERRORS),
)
async def change_me(body: MeChange, principal: CurrentPrincipal, plane: Plane) -> Response:
    """Change the account's name, as colleagues see it."""
    await service.change_profile(plane, principal, body.full_name)
    return json_response(_me(principal, await service.profile(plane, principal)))


@router.post(
    "/companies",
    status_code=201,
    summary="Start a company",
    dependencies=[*IN_PERSON, IDEMPOTENT],
    openapi_extra=needs(Access.session),
    responses=documented(*PERSON_ERRORS, AccountGone, TooManyRequests),
)
async def start_company(
    request: Request, body: NewCompany, principal: CurrentPrincipal, plane: PlaneOnce
) -> CompanyRef:
    """Start a company of one's own, with a database of its own; enter it with POST /auth/switch-company."""
    limits, settings = limits_of(request)
    account = str(principal.account_id)
    await limits.spend("companies", account, limit=settings.companies_per_account, seconds=_DAY)
    company_id = await service.start_company(plane, principal, body.company_name)
    return CompanyRef(id=str(company_id), company_name=body.company_name)


def _me(principal: Principal, known: Profile) -> dict[str, Any]:
    member = principal.member
    here = next((one for one in known.workplaces if member and one.company_id == member.company_id), None)
    return {
        "id": principal.account_id,
        "email": known.email,
        "fullName": known.full_name,
        "accountType": known.account_type,
        "hasPassword": known.has_password,
        "hasSecondFactor": known.has_second_factor,
        "platformAdmin": known.platform_admin,
        "company": {"id": here.company_id, "companyName": here.company_name} if here else None,
        "memberships": [
            {"companyId": one.company_id, "companyName": one.company_name, "role": one.role}
            for one in known.workplaces
        ],
        "role": member.role if member else None,
        "permissions": sorted(member.permissions) if member else [],
    }
