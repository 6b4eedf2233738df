"""From a request to who is signed in."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from jazzaam.control.accounts.errors import NoCompany, TokenRefused
from jazzaam.control.accounts.models import Principal
from jazzaam.control.accounts.sessions import Sessions
from jazzaam.control.accounts.tokens import AccessTokens
from jazzaam.control.memberships.models import Actor, ActorKind, Member
from jazzaam.control.plane import ControlPlane
from jazzaam.errors import Unauthenticated

BEARER = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="The access token of POST /auth/login."
)
"""Documents the scheme in OpenAPI; `current_principal` does the work."""


async def current_principal(request: Request) -> Principal:
    """Give who is signed in.

    Raises `Unauthenticated` without a token, `TokenRefused` for one that is forged, over, of another
    kind, or whose session, account or membership has ended or changed.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    state = request.app.state
    tokens: AccessTokens = state.access_tokens
    sessions: Sessions = state.sessions
    claims = tokens.read(token, state.control.clock.now())
    principal = await sessions.principal(claims.session_id)
    if (
        principal is None
        or principal.account_id != claims.account_id
        or principal.tenant_id != claims.company_id
        or principal.membership_version != claims.role_version
    ):
        raise TokenRefused
    return principal


async def current_member(request: Request) -> Member:
    """Give who is signed in as a member of their company; raises `NoCompany` too."""
    principal = await current_principal(request)
    if principal.tenant_id is None:
        raise NoCompany
    actor = Actor(ActorKind.account, principal.account_id)
    return Member(actor, principal.tenant_id, principal.permissions)


async def open_plane(request: Request) -> ControlPlane:
    """Give this request's hold on the control plane."""
    state = request.app.state
    return ControlPlane(state.deployment.system(), state.control)


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
Plane = Annotated[ControlPlane, Depends(open_plane)]
SIGNED_IN = [Depends(BEARER)]
