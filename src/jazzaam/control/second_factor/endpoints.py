"""The second factor's routes."""

from typing import Final

from fastapi import APIRouter, Request

from jazzaam.control.dependencies import (
    IN_PERSON,
    PERSON_ERRORS,
    CurrentPrincipal,
    Plane,
    spend_code,
    spend_password,
)
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.passwords.errors import WrongPassword
from jazzaam.control.second_factor import service
from jazzaam.control.second_factor.errors import NoSecondFactor, SecondFactorExists, WrongSecondFactor
from jazzaam.control.second_factor.schemas import (
    RecoveryCodes,
    SecondFactorBegin,
    SecondFactorBegun,
    SecondFactorEntered,
)
from jazzaam.errors import TooManyRequests
from jazzaam.web.problems import documented

router = APIRouter(prefix="/auth/totp", tags=["accounts"], dependencies=IN_PERSON)

_OWN: Final = needs(Access.session)


@router.post(
    "",
    status_code=201,
    summary="Begin a second factor",
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS, WrongPassword, SecondFactorExists, TooManyRequests),
)
async def begin(
    request: Request, body: SecondFactorBegin, principal: CurrentPrincipal, plane: Plane
) -> SecondFactorBegun:
    """Get a secret for an authenticator; nothing is asked for until a code has confirmed it.

    It takes the present password: whoever found a session open must not lock its owner out.
    """
    await spend_password(request, principal)
    begun = await service.begin(plane, principal, body.password)
    return SecondFactorBegun(secret=begun.secret, otpauth_uri=begun.address)


@router.post(
    "/confirm",
    summary="Confirm a second factor",
    openapi_extra=_OWN,
    responses=documented(
        *PERSON_ERRORS, NoSecondFactor, SecondFactorExists, WrongSecondFactor, TooManyRequests
    ),
)
async def confirm(
    request: Request, body: SecondFactorEntered, principal: CurrentPrincipal, plane: Plane
) -> RecoveryCodes:
    """Enter the first code: from now on signing in asks for one, and all other sessions end."""
    await spend_code(request, str(principal.account_id))
    return RecoveryCodes(recovery_codes=await service.confirm(plane, principal, body.code))


@router.post(
    "/recovery-codes",
    summary="Get new recovery codes",
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS, NoSecondFactor, WrongSecondFactor, TooManyRequests),
)
async def renew_recovery_codes(
    request: Request, body: SecondFactorEntered, principal: CurrentPrincipal, plane: Plane
) -> RecoveryCodes:
    """Get ten new recovery codes; the old ones are void."""
    await spend_code(request, str(principal.account_id))
    codes = await service.renew_recovery_codes(plane, principal, body.code)
    return RecoveryCodes(recovery_codes=codes)


@router.delete(
    "",
    status_code=204,
    summary="Remove the second factor",
    openapi_extra=_OWN,
    responses=documented(*PERSON_ERRORS, NoSecondFactor, WrongSecondFactor, TooManyRequests),
)
async def remove(
    request: Request, body: SecondFactorEntered, principal: CurrentPrincipal, plane: Plane
) -> None:
    """Sign in with the password alone again; a code is needed once more."""
    await spend_code(request, str(principal.account_id))
    await service.remove(plane, principal, body.code)
