"""The connections' route."""

from fastapi import APIRouter, Response

from jazzaam.control.crm_connections import service
from jazzaam.control.crm_connections.schemas import ConnectionList
from jazzaam.control.dependencies import COMPANY_ERRORS, SIGNED_IN, CompanyMember, Plane
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented

router = APIRouter(prefix="/crm-integrations", tags=["company"], dependencies=SIGNED_IN)


@router.get(
    "",
    summary="List connections to other CRMs",
    openapi_extra=needs(Permission.crm_read),
    response_model=ConnectionList,
    responses=documented(*COMPANY_ERRORS),
)
async def list_connections(member: CompanyMember, plane: Plane) -> Response:
    """List the connections that were taken over; none is used yet, and no token is shown."""
    return json_response({"items": await service.list_connections(plane, member)})
