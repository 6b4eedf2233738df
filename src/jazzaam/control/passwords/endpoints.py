"""The password routes."""

from typing import Final

from fastapi import APIRouter, Request, Response

from jazzaam.control.accounts.errors import PasswordTooCommon
from jazzaam.control.dependencies import (
    IN_PERSON,
    PERSON_ERRORS,
    CurrentPrincipal,
    Plane,
    forgive_sign_ins,
    limits_of,
    spend_password,
    spend_sign_in,
)
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.passwords import service
from jazzaam.control.passwords.errors import ResetRefused, WrongPassword
from jazzaam.control.passwords.schemas import ChangePassword, ForgotPassword, ResetPassword
from jazzaam.errors import TooManyRequests
from jazzaam.web.origin import network_of
from jazzaam.web.problems import documented

router = APIRouter(prefix="/auth", tags=["accounts"])

_HOUR: Final = 3600
_ANYBODY: Final = needs(Access.nothing)


@router.post(
    "/forgot-password",
    status_code=202,
    response_class=Response,
    summary="Ask for a new password",
    openapi_extra=_ANYBODY,
    responses=documented(TooManyRequests),
)
async def forgot_password(request: Request, body: ForgotPassword, plane: Plane) -> Response:
    """Have a link mailed to an account's address; the answer tells nothing about whether it is one."""
    limits, settings = limits_of(request)
    network = network_of(request)
    await limits.spend("resets-network", network, limit=settings.signups_per_network, seconds=_HOUR)
    theirs = f"{body.email} {network}"  # what others ask for keeps nobody from asking
    await limits.spend("resets-email", theirs, limit=settings.signups_per_email, seconds=_HOUR)
    await service.forget_password(plane, body.email)
    return Response(status_code=202)


@router.post(
    "/reset-password",
    status_code=204,
    summary="Choose a new password",
    openapi_extra=_ANYBODY,
    responses=documented(ResetRefused, PasswordTooCommon, TooManyRequests),
)
async def reset_password(request: Request, body: ResetPassword, plane: Plane) -> None:
    """Set a new password with the token of the mail; every session of the account ends."""
    await spend_sign_in(request)
    await forgive_sign_ins(request, await service.reset_password(plane, body.token, body.new_password))


@router.post(
    "/change-password",
    status_code=204,
    summary="Change my password",
    dependencies=IN_PERSON,
    openapi_extra=needs(Access.session),
    responses=documented(*PERSON_ERRORS, WrongPassword, PasswordTooCommon, TooManyRequests),
)
async def change_password(
    request: Request, body: ChangePassword, principal: CurrentPrincipal, plane: Plane
) -> None:
    """Change the password; every other session of the account ends."""
    await spend_password(request, principal)
    await service.change_password(plane, principal, body.old_password, body.new_password)
