"""The route of onboarding."""

from fastapi import APIRouter, Response

from jazzaam.control.accounts.errors import NotAPerson
from jazzaam.control.companies.schemas import Company
from jazzaam.control.dependencies import PERSON_ONLY, PlaneOnce
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.crm.dependencies import MEMBER_WRITE_ERRORS, CurrentWorkspace
from jazzaam.crm.onboarding import service
from jazzaam.crm.onboarding.schemas import Onboarding
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/company", tags=["company"], dependencies=PERSON_ONLY)


@router.post(
    "/onboarding",
    summary="Say what the company does",
    dependencies=[IDEMPOTENT],
    openapi_extra=needs(Permission.company_write),
    response_model=Company,
    responses=documented(*MEMBER_WRITE_ERRORS, NotAPerson),
)
async def onboard(body: Onboarding, workspace: CurrentWorkspace, plane: PlaneOnce) -> Response:
    """Keep the company's profile, and make a form for each platform that has none. Safe to repeat."""
    return json_response(resource(await service.onboard(plane, workspace, body)))
