"""The routes with which who runs the platform looks at the fleet."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from jazzaam.control.dependencies import IN_PERSON, PERSON_ERRORS, Plane, PlatformAdmin
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.tenants import service
from jazzaam.control.tenants.errors import CompanyUnknown
from jazzaam.control.tenants.schemas import TenantOut, TenantPage, TenantQuery
from jazzaam.errors import Forbidden
from jazzaam.tenancy.models import TenantStatus
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented

router = APIRouter(prefix="/admin/tenants", tags=["admin"], dependencies=IN_PERSON)

_ADMIN = needs(Access.platform_admin)


@router.get(
    "",
    summary="List the companies",
    openapi_extra=_ADMIN,
    response_model=TenantPage,
    responses=documented(*PERSON_ERRORS, Forbidden),
)
async def list_tenants(
    query: Annotated[TenantQuery, Query()], _admin: PlatformAdmin, plane: Plane
) -> Response:
    """List all companies, the newest first: their state, and nothing that is theirs."""
    status = TenantStatus(query.status) if query.status else None
    items, after = await service.list_tenants(plane, status, query.limit, query.after)
    return json_response({"items": items, "next": after})


@router.get(
    "/{companyId}",
    summary="Look at a company from outside",
    openapi_extra=_ADMIN,
    response_model=TenantOut,
    responses=documented(*PERSON_ERRORS, Forbidden, CompanyUnknown),
)
async def get_tenant(companyId: IdInPath, _admin: PlatformAdmin, plane: Plane) -> Response:  # noqa: N803 - named on the wire
    """Read the state of one company."""
    return json_response(await service.get_tenant(plane, companyId))
