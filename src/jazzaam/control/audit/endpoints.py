"""The audit log's route."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from jazzaam.control.audit import service
from jazzaam.control.audit.repository import Wanted
from jazzaam.control.audit.schemas import AuditPage, AuditQuery
from jazzaam.control.dependencies import COMPANY_ERRORS, SIGNED_IN, CompanyMember, Plane
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/audit-log", tags=["company"], dependencies=SIGNED_IN)


@router.get(
    "",
    summary="Read the audit log",
    openapi_extra=needs(Permission.settings_write),
    response_model=AuditPage,
    responses=documented(*COMPANY_ERRORS),
)
async def list_entries(
    query: Annotated[AuditQuery, Query()], member: CompanyMember, plane: Plane
) -> Response:
    """List who did what in the company, the newest first; entries arrive within seconds."""
    wanted = Wanted(query.action, query.resource, query.account_id, query.from_, query.to)
    page = await service.list_entries(plane, member, wanted, query.limit, query.after)
    page["items"] = [resource(row) for row in page["items"]]
    return json_response(page)
