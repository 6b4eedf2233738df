"""The routes of the end of a company."""

from fastapi import APIRouter, Request

from jazzaam.control.accounts.errors import NotAPerson
from jazzaam.control.deletion import service
from jazzaam.control.deletion.errors import NotRestorable
from jazzaam.control.deletion.schemas import Deleted, Deletion
from jazzaam.control.dependencies import (
    COMPANY_ERRORS,
    IN_PERSON,
    CompanyOwner,
    CompanyPerson,
    CurrentPrincipal,
    Plane,
    PlaneOnce,
    spend_password,
)
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.passwords.errors import WrongPassword
from jazzaam.control.passwords.service import require_password
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.errors import TooManyRequests
from jazzaam.web.problems import documented

router = APIRouter(prefix="/company", tags=["company"], dependencies=IN_PERSON)


@router.delete(
    "",
    status_code=202,
    summary="Delete the company",
    openapi_extra=needs(Permission.company_delete),
    responses=documented(*COMPANY_ERRORS, NotAPerson, WrongPassword, TooManyRequests),
)
async def delete_company(
    request: Request, body: Deletion, member: CompanyPerson, principal: CurrentPrincipal, plane: Plane
) -> Deleted:
    """Close the company at once, and have everything of it erased after the grace period.

    Until then POST /company/restore opens it again. Who has no password sets one first.
    """
    member.require(Permission.company_delete)
    await spend_password(request, principal)
    await require_password(plane, principal, body.password, "/password")
    return Deleted(erase_after=await service.delete_company(plane, principal, member))


@router.post(
    "/restore",
    status_code=204,
    summary="Restore a deleted company",
    dependencies=[IDEMPOTENT],
    openapi_extra=needs(Access.owner),
    responses=documented(*COMPANY_ERRORS, NotAPerson, NotRestorable),
)
async def restore_company(member: CompanyOwner, plane: PlaneOnce) -> None:
    """Open a company again that an owner deleted; one that who runs the platform closed stays closed."""
    await service.restore_company(plane, member)
