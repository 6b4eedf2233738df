"""The routes of signing in with a provider."""

from typing import Annotated, Final

from bson import ObjectId
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from jazzaam.control.accounts.errors import SecondFactorNext, WrongCredentials
from jazzaam.control.accounts.schemas import Tokens
from jazzaam.control.dependencies import (
    IN_PERSON,
    PERSON_ERRORS,
    CurrentPrincipal,
    Plane,
    spend_code,
    spend_sign_in,
)
from jazzaam.control.identities import service
from jazzaam.control.identities.errors import (
    AddressNotVouched,
    IdentityNotFound,
    LastWayIn,
    ProviderUnknown,
)
from jazzaam.control.identities.models import ATTEMPT_LASTS, Provider
from jazzaam.control.identities.schemas import IdentityList, SecondFactorEntry
from jazzaam.control.identities.service import Answer
from jazzaam.control.memberships.access import Access, needs
from jazzaam.errors import TooManyRequests
from jazzaam.integrations.egress import OutsideUnavailable
from jazzaam.integrations.identity import IdentityRefused
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(tags=["accounts"])

_COOKIE: Final = "jazzaam_sign_in"
Said = Annotated[str, Query(max_length=2048)]


@router.get(
    "/auth/{provider}/authorize",
    status_code=302,
    response_class=RedirectResponse,
    summary="Sign in with a provider",
    openapi_extra=needs(Access.nothing),
    responses=documented(ProviderUnknown, OutsideUnavailable, TooManyRequests),
)
async def authorize(request: Request, provider: Provider, plane: Plane) -> Response:
    """Send a browser to the provider: OpenID Connect with code, PKCE, state and nonce."""
    await spend_sign_in(request)
    url, cookie = await service.begin(plane, provider)
    answer = RedirectResponse(url, 302)
    answer.set_cookie(
        _COOKIE,
        cookie,
        max_age=int(ATTEMPT_LASTS.total_seconds()),
        path=f"/api/v1/auth/{provider}",
        secure=plane.services.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get(
    "/auth/{provider}/callback",
    summary="Come back from a provider",
    openapi_extra=needs(Access.nothing),
    responses=documented(
        ProviderUnknown,
        IdentityRefused,
        SecondFactorNext,
        WrongCredentials,
        AddressNotVouched,
        OutsideUnavailable,
        TooManyRequests,
    ),
)
async def callback(
    request: Request,
    response: Response,
    provider: Provider,
    plane: Plane,
    state: Said = "",
    code: Said = "",
    iss: Said | None = None,
) -> Tokens:
    """Sign in with what the provider sent the browser back with; an account is made for who has none.

    A page that SIGN_IN_CALLBACK names hands `code`, `state` and `iss` on to here, from the same browser.
    """
    await spend_sign_in(request)
    response.delete_cookie(_COOKIE, path=f"/api/v1/auth/{provider}", httponly=True, samesite="lax")
    if not code or not state:
        raise IdentityRefused  # whoever is asked may say no
    tokens = await service.finish(plane, provider, request.cookies.get(_COOKIE), Answer(state, code, iss))
    return Tokens.of(tokens)


@router.post(
    "/auth/second-factor",
    summary="Enter a second factor after a provider",
    openapi_extra=needs(Access.nothing),
    responses=documented(IdentityRefused, WrongCredentials, TooManyRequests),
)
async def second_factor(request: Request, body: SecondFactorEntry, plane: Plane) -> Tokens:
    """Go on where the callback asked for a second factor."""
    await spend_sign_in(request)
    account = service.account_waiting(plane, body.sign_in_token)
    if account is not None:
        await spend_code(request, account)
    return Tokens.of(await service.finish_with_code(plane, body.sign_in_token, body.code))


@router.get(
    "/me/identities",
    summary="What can I sign in with?",
    dependencies=IN_PERSON,
    openapi_extra=needs(Access.session),
    response_model=IdentityList,
    responses=documented(*PERSON_ERRORS),
)
async def list_identities(principal: CurrentPrincipal, plane: Plane) -> Response:
    """List the providers that vouch for the account's person."""
    rows = await service.identities(plane, principal)
    return json_response({"items": [resource(row) for row in rows]})


@router.delete(
    "/me/identities/{identityId}",
    status_code=204,
    summary="Sign in with a provider no more",
    dependencies=IN_PERSON,
    openapi_extra=needs(Access.session),
    responses=documented(*PERSON_ERRORS, IdentityNotFound, LastWayIn),
)
async def remove_identity(identityId: IdInPath, principal: CurrentPrincipal, plane: Plane) -> None:  # noqa: N803 - named on the wire
    """Take a way in away; the last one stays until there is a password."""
    await service.remove(plane, principal, ObjectId(identityId))
