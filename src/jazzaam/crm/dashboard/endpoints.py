"""The dashboard's route."""

from fastapi import APIRouter

from jazzaam.control.dependencies import SIGNED_IN
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dashboard import service
from jazzaam.crm.dashboard.schemas import Dashboard
from jazzaam.crm.dependencies import MEMBER_ERRORS, CurrentWorkspace
from jazzaam.web.problems import documented

router = APIRouter(prefix="/company", tags=["company"], dependencies=SIGNED_IN)


@router.get(
    "/dashboard",
    summary="See the leads in numbers",
    openapi_extra=needs(Permission.analytics_read),
    responses=documented(*MEMBER_ERRORS),
)
async def dashboard(workspace: CurrentWorkspace) -> Dashboard:
    """Count leads by status, who is qualified, what was sent, and who was won."""
    return await service.dashboard(workspace)
