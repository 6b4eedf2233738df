"""The account routes."""

from bson import ObjectId
from fastapi import APIRouter, Request, Response

from jazzaam.config import Settings
from jazzaam.control.accounts import service
from jazzaam.control.accounts.dependencies import SIGNED_IN, CurrentPrincipal, Plane
from jazzaam.control.accounts.errors import (
    EmailNotVerified,
    PasswordTooCommon,
    TokenRefused,
    WrongCode,
    WrongCredentials,
)
from jazzaam.control.accounts.models import CODE_TRIES_A_DAY
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.accounts.schemas import (
    CompanyRef,
    Login,
    Me,
    MembershipOut,
    Refresh,
    Register,
    Registered,
    ResendCode,
    Tokens,
    VerifyEmail,
)
from jazzaam.control.accounts.service import NewAccount, TokenPair
from jazzaam.errors import TooManyRequests, Unauthenticated
from jazzaam.web.problems import documented
from jazzaam.web.rate_limits import RateLimits, network_of

router = APIRouter(tags=["accounts"])

_HOUR = 3600
_QUARTER = 900
_DAY = 86_400


@router.post(
    "/auth/register",
    status_code=201,
    summary="Register a company or a person",
    responses=documented(PasswordTooCommon, TooManyRequests),
)
async def register(request: Request, body: Register, plane: Plane) -> Registered:
    """Keep a registration and mail its code. The answer is the same when the address is taken."""
    limits, settings = _limits(request)
    network = network_of(request)
    await limits.spend("signups-network", network, limit=settings.signups_per_network, seconds=_HOUR)
    await limits.spend("signups-email", body.email, limit=settings.signups_per_email, seconds=_HOUR)
    await limits.spend("signups", "all", limit=settings.signups_total, seconds=_HOUR)
    token = await service.register(
        plane, NewAccount(body.email, body.password, body.account_type, body.company_name)
    )
    return Registered(registration_token=token)


@router.post(
    "/auth/verify-email",
    summary="Prove the address, and start",
    responses=documented(WrongCode, TooManyRequests),
)
async def verify_email(request: Request, body: VerifyEmail, plane: Plane) -> Tokens:
    """Enter the code: the account, and for a company its own database, are made now."""
    limits, _ = _limits(request)
    address = await service.registered_address(plane, body.registration_token)
    if address is not None:
        await limits.spend("code-tries", address, limit=CODE_TRIES_A_DAY, seconds=_DAY)
    return _tokens(await service.verify_email(plane, body.registration_token, body.code))


@router.post(
    "/auth/resend-code",
    status_code=202,
    response_class=Response,
    summary="Ask for a new code",
    responses=documented(TooManyRequests),
)
async def resend_code(request: Request, body: ResendCode, plane: Plane) -> Response:
    """Mail a new code to the address of a registration, if there is one."""
    limits, settings = _limits(request)
    network = network_of(request)
    await limits.spend("resends-network", network, limit=settings.signups_per_network, seconds=_HOUR)
    address = await service.registered_address(plane, body.registration_token)
    if address is not None:
        await limits.spend("resends", address, limit=settings.signups_per_email, seconds=_HOUR)
    await service.resend_code(plane, body.registration_token)
    return Response(status_code=202)


@router.post(
    "/auth/login",
    summary="Sign in",
    responses=documented(WrongCredentials, EmailNotVerified, TooManyRequests),
)
async def login(request: Request, body: Login, plane: Plane) -> Tokens:
    """Sign in. Every failure is the same 401, but for an address whose code is still to be entered."""
    limits, settings = _limits(request)
    await limits.spend(
        "logins-network", network_of(request), limit=settings.logins_per_network, seconds=_QUARTER
    )
    await limits.spend("logins-email", body.email, limit=settings.logins_per_email, seconds=_QUARTER)
    return _tokens(await service.log_in(plane, body.email, body.password))


@router.post("/auth/refresh", summary="Exchange a refresh token", responses=documented(TokenRefused))
async def refresh(body: Refresh, plane: Plane) -> Tokens:
    """Get a new pair. A refresh token that was used before ends the whole session."""
    return _tokens(await service.refresh(plane, body.refresh_token))


@router.post(
    "/auth/logout",
    status_code=204,
    summary="Sign out",
    dependencies=SIGNED_IN,
    responses=documented(Unauthenticated, TokenRefused),
)
async def logout(principal: CurrentPrincipal, plane: Plane) -> None:
    """End this session, here and in every process."""
    await service.log_out(plane, principal.session_id)


@router.get(
    "/me",
    summary="Who am I, and where?",
    dependencies=SIGNED_IN,
    responses=documented(Unauthenticated, TokenRefused),
)
async def me(principal: CurrentPrincipal, plane: Plane) -> Me:
    """Read the account that is signed in, its companies, and what it may do in the present one."""
    accounts = AccountRepository(plane.db)
    profile = await accounts.profile(ObjectId(principal.account_id))
    if profile is None:
        raise TokenRefused
    memberships = [
        MembershipOut(
            company_id=str(membership.company_id),
            company_name=await accounts.company_name(membership.company_id),
            role=membership.role,
        )
        for membership in await accounts.memberships(ObjectId(principal.account_id))
    ]
    here = next((one for one in memberships if one.company_id == principal.tenant_id), None)
    return Me(
        id=principal.account_id,
        email=profile["email"],
        account_type=profile["userType"],
        company=CompanyRef(id=here.company_id, company_name=here.company_name) if here else None,
        memberships=memberships,
        permissions=sorted(principal.permissions),
    )


def _limits(request: Request) -> tuple[RateLimits, Settings]:
    return request.app.state.rate_limits, request.app.state.settings


def _tokens(pair: TokenPair) -> Tokens:
    return Tokens(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.expires_in,
    )
