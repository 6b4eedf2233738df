"""The usage route."""

from fastapi import APIRouter

from jazzaam.control.accounts.dependencies import SIGNED_IN
from jazzaam.crm.dependencies import MEMBER_ERRORS, CurrentWorkspace
from jazzaam.crm.usage import service
from jazzaam.crm.usage.schemas import Usage
from jazzaam.web.problems import documented

router = APIRouter(prefix="/company", tags=["company"], dependencies=SIGNED_IN)


@router.get("/usage", summary="See what is allowed and used", responses=documented(*MEMBER_ERRORS))
async def usage(workspace: CurrentWorkspace) -> Usage:
    """Read every limit of the company, and how much of it is used."""
    return Usage(limits=await service.usage(workspace))
