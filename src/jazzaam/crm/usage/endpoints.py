"""The usage route."""

from fastapi import APIRouter

from jazzaam.control.dependencies import SIGNED_IN
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dependencies import MEMBER_ERRORS, CurrentWorkspace
from jazzaam.crm.usage import service
from jazzaam.crm.usage.schemas import Usage
from jazzaam.web.problems import documented

router = APIRouter(prefix="/company", tags=["company"], dependencies=SIGNED_IN)


@router.get(
    "/usage",
    summary="See what is allowed and used",
    openapi_extra=needs(Permission.company_read),
    responses=documented(*MEMBER_ERRORS),
)
async def usage(workspace: CurrentWorkspace) -> Usage:
    """Read every limit of the company, and how much of it is used."""
    return Usage(limits=await service.usage(workspace))
