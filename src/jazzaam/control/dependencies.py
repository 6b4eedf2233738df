"""From a request to who calls: a session, or an API key; and to their company in the shared database."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Final

import structlog
from bson import ObjectId
from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from jazzaam.config import Settings
from jazzaam.control.accounts.errors import (
    ConfirmationNeeded,
    NoCompany,
    NotAPerson,
    SecondFactorRequired,
    SupportReadsOnly,
    TokenRefused,
)
from jazzaam.control.accounts.models import NEVER, Principal
from jazzaam.control.accounts.sessions import Sessions
from jazzaam.control.accounts.tokens import AccessTokens
from jazzaam.control.api_keys.errors import ApiKeyRefused
from jazzaam.control.api_keys.lookup import ApiKeys
from jazzaam.control.audit.models import Origin
from jazzaam.control.memberships.access import Access
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlPlane
from jazzaam.control.requests import body_if_idempotent, request_key
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.errors import Forbidden, Unauthenticated
from jazzaam.tenancy.errors import TenantSuspended
from jazzaam.tenancy.models import TenantStatus
from jazzaam.tenancy.traffic import CompanyTooBusy
from jazzaam.web.at_end import at_end
from jazzaam.web.origin import address_of, agent_of, network_of, request_id_of
from jazzaam.web.rate_limits import RateLimits

CONFIRMATION_LASTS: Final = timedelta(minutes=5)
"""How long what asks for a recent proof of who somebody is goes on without another."""
_HOUR: Final = 3600
_QUARTER: Final = 900
LOGINS_OF_ADDRESS: Final = "logins-email"
_OF_PERSONS: Final = (Access.session, Access.platform_admin)

BEARER = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="The access token of POST /auth/login."
)
API_KEY = APIKeyHeader(
    name="X-API-Key", auto_error=False, description="A key of POST /api-keys: `jz_live_…`."
)
"""Both document a scheme in OpenAPI; `current_principal` and `current_member` do the work."""


async def current_principal(request: Request) -> Principal:
    """Return who is signed in as themselves; raises `SupportReadsOnly` for a look into a company.

    Raises what `session_principal` raises, too.
    """
    principal = await session_principal(request)
    if principal.is_support:
        raise SupportReadsOnly
    return principal


async def session_principal(request: Request) -> Principal:
    """Return who a session is of, also one that only looks into a company.

    Raises `Unauthenticated` without a token, `TokenRefused` for one that is forged, over, of another
    kind, or whose session, account or membership has ended or changed.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    state = request.app.state
    tokens: AccessTokens = state.access_tokens
    sessions: Sessions = state.sessions
    now = state.control.clock.now()
    claims = tokens.read(token, now)
    principal = await sessions.principal(claims.session_id)
    if (
        principal is None
        or principal.ends_at <= now
        or str(principal.account_id) != claims.account_id
        or (principal.member.tenant_id if principal.member else None) != claims.company_id
        or principal.role_version != claims.role_version
    ):
        raise TokenRefused
    return principal


async def current_member(request: Request) -> Member:
    """Give who acts in a company: a person by their session, or a program by its API key.

    Whether the company itself is open is asked where it is entered. Raises `ApiKeyRefused`, and for a
    person `NoCompany`, `SecondFactorRequired`, `SupportReadsOnly`, and what `session_principal` raises.
    """
    key = request.headers.get("x-api-key")
    if key is None:
        principal = await session_principal(request)
        if principal.is_support and request.method not in ("GET", "HEAD"):
            raise SupportReadsOnly
        return member_of(principal)
    if "authorization" in request.headers:
        raise ApiKeyRefused("Send an access token or an API key, not both.")
    keys: ApiKeys = request.app.state.api_keys
    return await keys.member(key)


async def admit(request: Request, needed: str) -> None:
    """Go on only for who may send a body to a route that states this need.

    Raises what `current_member` and `session_principal` raise.
    """
    if needed in _OF_PERSONS:
        await session_principal(request)
    else:
        await current_member(request)


async def company_member(request: Request) -> Member:
    """Give who acts in a company that is open, for what the shared database keeps of it.

    Raises `TenantSuspended`, `CompanyTooBusy` and what `current_member` raises.
    """
    member = await current_member(request)
    deployment = request.app.state.deployment
    structlog.contextvars.bind_contextvars(tenant=member.tenant_id)
    tenant = await deployment.tenancy.catalog.tenant(member.tenant_id)
    if tenant.status is not TenantStatus.active:
        raise TenantSuspended
    at_end(request, await deployment.traffic.admit(tenant))  # waits only to refuse
    return member


async def in_person(request: Request) -> None:
    """Go on only for a person; raises `NotAPerson` for an API key."""
    if "x-api-key" in request.headers:
        raise NotAPerson


async def require_confirmed(request: Request, permission: Permission) -> None:
    """Go on only for who has a permission and proved who they are within five minutes, or has an API key.

    What carries a company away, or opens it for longer than a session, asks for it: a stolen token is not
    enough. Raises `ConfirmationNeeded`, `Forbidden` and what `current_member` raises: nobody is asked to
    prove who they are for what they may not do.
    """
    (await current_member(request)).require(permission)
    if not await is_recently_confirmed(request):
        raise ConfirmationNeeded


async def is_recently_confirmed(request: Request) -> bool:
    """Check whether a person proved who they are within five minutes; an API key counts as one who did."""
    if "x-api-key" in request.headers:
        return True
    principal, control = await session_principal(request), request.app.state.control
    now = control.clock.now()
    if now - principal.authenticated_at <= CONFIRMATION_LASTS:
        return True
    rows = SessionRepository(request.app.state.deployment.system())
    row = await rows.find(ObjectId(principal.session_id), now) or {}  # it may be proved this very second
    return now - (row.get("authenticatedAt") or NEVER) <= CONFIRMATION_LASTS


async def company_person(request: Request) -> Member:
    """Give a person who acts in a company that is open; raises `NotAPerson` for an API key."""
    await in_person(request)
    return await company_member(request)


async def company_owner(request: Request) -> Member:
    """Give an owner in person, of a company in whatever state; raises `NotAPerson`, `Forbidden`."""
    await in_person(request)
    member = await current_member(request)
    member.require_owner()
    return member


async def platform_admin(request: Request) -> Principal:
    """Give who runs the platform; raises `Forbidden` for anybody else."""
    principal = await current_principal(request)
    if not principal.platform_admin:
        raise Forbidden("Only who runs the platform may do this.")
    return principal


def origin_of(request: Request) -> Origin:
    """Say where a request comes from, for the audit log."""
    return Origin(address_of(request), agent_of(request), request_id_of(request))


def limits_of(request: Request) -> tuple[RateLimits, Settings]:
    """Give what counts requests, and how many are allowed."""
    return request.app.state.rate_limits, request.app.state.settings


async def spend_message(request: Request) -> None:
    """Count a message of somebody who has not signed in; raises `TooManyRequests`."""
    limits, settings = limits_of(request)
    network = network_of(request)
    await limits.spend("messages-network", network, limit=settings.messages_per_network, seconds=_HOUR)
    await limits.spend("messages", "all", limit=settings.messages_total, seconds=_HOUR)


async def spend_sign_in(request: Request) -> None:
    """Count a try to come in from one network; raises `TooManyRequests`."""
    limits, settings = limits_of(request)
    network = network_of(request)
    await limits.spend("logins-network", network, limit=settings.logins_per_network, seconds=_QUARTER)


def tries_from(email: str, network: str) -> str:
    """Return the key of tries to sign in with an address from a network that its account knows."""
    return f"{email} {network}"


async def forgive_sign_ins(request: Request, email: str) -> None:
    """Forget the tries to sign in with an address from this network: it was proved that it is theirs."""
    limits, settings = limits_of(request)
    key = tries_from(email, network_of(request))
    await limits.forget(LOGINS_OF_ADDRESS, key, limit=settings.logins_per_email, seconds=_QUARTER)


async def spend_password(request: Request, principal: Principal) -> None:
    """Count a try at an account's password by who is signed in to it; raises `TooManyRequests`."""
    limits, settings = limits_of(request)
    account = str(principal.account_id)
    await limits.spend("passwords-account", account, limit=settings.codes_per_account, seconds=_QUARTER)


async def spend_code(request: Request, account: str) -> None:
    """Count a try at an account's second factor; raises `TooManyRequests`."""
    limits, settings = limits_of(request)
    await limits.spend("codes-account", account, limit=settings.codes_per_account, seconds=_QUARTER)


async def open_plane(request: Request) -> ControlPlane:
    """Give this request's hold on the control plane."""
    state = request.app.state
    return ControlPlane(state.deployment.system(), state.control, partial(origin_of, request))


async def open_plane_once(request: Request) -> ControlPlane:
    """Give it for a POST that may be sent again with its Idempotency-Key, by whoever is signed in."""
    body = await body_if_idempotent(request)
    principal = await current_principal(request)
    who = f"{principal.actor.id} {principal.member and principal.member.tenant_id}"
    plane = await open_plane(request)
    return ControlPlane(plane.db, plane.services, plane.origin_of, request_key(request, who, body))


async def open_plane_once_for_anybody(request: Request) -> ControlPlane:
    """Give it for a POST of somebody who has not signed in: the network they come from says who asks."""
    body = await body_if_idempotent(request)
    plane = await open_plane(request)
    key = request_key(request, f"nobody {network_of(request)}", body)
    return ControlPlane(plane.db, plane.services, plane.origin_of, key)


def member_of(principal: Principal) -> Member:
    """Give who a person is in the company of their session; raises `NoCompany`, `SecondFactorRequired`."""
    if principal.member is None:
        raise NoCompany
    if principal.lacks_second_factor:
        raise SecondFactorRequired
    return principal.member


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
SessionPrincipal = Annotated[Principal, Depends(session_principal)]
CompanyMember = Annotated[Member, Depends(company_member)]
CompanyOwner = Annotated[Member, Depends(company_owner)]
CompanyPerson = Annotated[Member, Depends(company_person)]
PlatformAdmin = Annotated[Principal, Depends(platform_admin)]
Plane = Annotated[ControlPlane, Depends(open_plane)]
PlaneOnceForAnybody = Annotated[ControlPlane, Depends(open_plane_once_for_anybody)]
PlaneOnce = Annotated[ControlPlane, Depends(open_plane_once)]
IN_PERSON = [Depends(BEARER)]
PERSON_ONLY = [*IN_PERSON, Depends(in_person)]
SIGNED_IN = [Depends(BEARER), Depends(API_KEY)]
PERSON_ERRORS = (Unauthenticated, TokenRefused, SupportReadsOnly)
"""What every route of whoever is signed in can answer with."""
COMPANY_ERRORS = (
    *PERSON_ERRORS,
    ApiKeyRefused,
    Forbidden,
    NoCompany,
    SecondFactorRequired,
    TenantSuspended,
    CompanyTooBusy,
)
"""What every route of a company's in the shared database can answer with, for OpenAPI."""
