"""The lead routes."""

from enum import StrEnum
from typing import Annotated

from bson import ObjectId
from fastapi import APIRouter, Query, Response
from pydantic import Field

from jazzaam.control.dependencies import SIGNED_IN
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.crm.dependencies import (
    MEMBER_ERRORS,
    MEMBER_WRITE_ERRORS,
    CurrentWorkspace,
)
from jazzaam.crm.leads import service
from jazzaam.crm.leads.errors import LeadChanged, LeadExists, LeadNotFound
from jazzaam.crm.leads.listing import Listing
from jazzaam.crm.leads.models import LeadStatus, Platform
from jazzaam.crm.leads.schemas import LeadCreate, LeadDetail, LeadPage, LeadUpdate
from jazzaam.tenancy.database import Document
from jazzaam.web.input import IdInPath, PageQuery
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented
from jazzaam.web.revision import RequiredRevision, etag

router = APIRouter(prefix="/leads", tags=["leads"], dependencies=SIGNED_IN)


class View(StrEnum):
    """How much of a lead a list shows."""

    summary = "summary"
    full = "full"


class Sort(StrEnum):
    """What a list is sorted by; `-` for descending. Ties are broken by id."""

    created_at = "createdAt"
    created_at_descending = "-createdAt"
    updated_at = "updatedAt"
    updated_at_descending = "-updatedAt"
    lead_score = "leadScore"
    lead_score_descending = "-leadScore"
    full_name = "fullName"
    full_name_descending = "-fullName"


class LeadQuery(PageQuery):
    """What a list of leads asks for."""

    sort: Sort = Sort.created_at_descending
    view: View = View.summary
    total: bool = False
    status: LeadStatus | None = None
    platform: Platform | None = None
    assigned_to: Annotated[
        str | None, Field(pattern=r"^(me|[0-9a-f]{24})$", description="`me`, or a member's account.")
    ] = None

    def listing(self, me: ObjectId | None) -> Listing:
        """Return the list it asks for; `me` is the account at work."""
        assignee = me if self.assigned_to == "me" else self.assigned_to
        wanted = (("status", self.status), ("platform", self.platform), ("assignedTo", assignee))
        equal = tuple((name, str(value)) for name, value in wanted if value is not None)
        return Listing(self.limit, str(self.sort), equal)


@router.get(
    "",
    summary="List leads",
    openapi_extra=needs(Permission.leads_read),
    response_model=LeadPage,
    responses=documented(*MEMBER_ERRORS),
)
async def list_leads(query: Annotated[LeadQuery, Query()], workspace: CurrentWorkspace) -> Response:
    """List the company's leads, newest first unless `sort` says otherwise."""
    listing = query.listing(workspace.member.account_id)
    page = await service.list_leads(
        workspace, listing, query.after, full=query.view is View.full, total=query.total
    )
    page["items"] = [resource(lead) for lead in page["items"]]
    return json_response(page)


@router.post(
    "",
    status_code=201,
    summary="Add a lead",
    openapi_extra=needs(Permission.leads_write),
    response_model=LeadDetail,
    dependencies=[IDEMPOTENT],
    responses=documented(*MEMBER_WRITE_ERRORS, LeadExists),
)
async def create_lead(body: LeadCreate, workspace: CurrentWorkspace) -> Response:
    """Add a lead by hand."""
    lead = await service.create_lead(workspace, body)
    location = f"/api/v1/leads/{lead['_id']}"
    return _one(lead, 201, {"Location": location})


@router.get(
    "/{leadId}",
    summary="Read a lead",
    openapi_extra=needs(Permission.leads_read),
    response_model=LeadDetail,
    responses=documented(*MEMBER_ERRORS, LeadNotFound),
)
async def get_lead(leadId: IdInPath, workspace: CurrentWorkspace) -> Response:  # noqa: N803 - named on the wire
    """Read one lead."""
    return _one(await service.get_lead(workspace, ObjectId(leadId)))


@router.patch(
    "/{leadId}",
    summary="Change a lead",
    openapi_extra=needs(Permission.leads_write),
    response_model=LeadDetail,
    responses=documented(*MEMBER_WRITE_ERRORS, LeadNotFound, LeadChanged),
)
async def update_lead(
    leadId: IdInPath,  # noqa: N803 - named on the wire
    body: LeadUpdate,
    revision: RequiredRevision,
    workspace: CurrentWorkspace,
) -> Response:
    """Change the fields that are named; `null` removes one."""
    return _one(await service.update_lead(workspace, ObjectId(leadId), body, revision))


@router.delete(
    "/{leadId}",
    status_code=204,
    summary="Delete a lead",
    openapi_extra=needs(Permission.leads_delete),
    responses=documented(*MEMBER_WRITE_ERRORS, LeadNotFound, LeadChanged),
)
async def delete_lead(
    leadId: IdInPath,  # noqa: N803 - named on the wire
    revision: RequiredRevision,
    workspace: CurrentWorkspace,
) -> None:
    """Move a lead and what hangs on it to the trash, where it is kept for 30 days."""
    await service.delete_lead(workspace, ObjectId(leadId), revision)


def _one(lead: Document, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    tag = {"ETag": etag(lead.get("revision"))}
    return json_response(resource(lead), status, {**tag, **(headers or {})})
