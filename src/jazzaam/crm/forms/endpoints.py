"""The form routes of members."""

from enum import StrEnum
from html import escape
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
from jazzaam.crm.forms import service
from jazzaam.crm.forms.errors import FormExists, FormNotFound
from jazzaam.crm.forms.models import FormType
from jazzaam.crm.forms.schemas import Embed, Form, FormCreate, FormPage, SubmissionPage
from jazzaam.crm.leads.errors import LeadNotFound
from jazzaam.crm.workspace import Workspace
from jazzaam.identifiers import OBJECT_ID_PATTERN
from jazzaam.tenancy.database import Document
from jazzaam.web.input import IdInPath, PageQuery
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented
from jazzaam.web.revision import etag

router = APIRouter(tags=["forms"], dependencies=SIGNED_IN)


class PlatformName(StrEnum):
    """A platform that has a form of its own."""

    linkedin = "linkedin"
    meta = "meta"
    twitter = "twitter"
    instagram = "instagram"


@router.get(
    "/forms",
    summary="List forms",
    openapi_extra=needs(Permission.forms_read),
    response_model=FormPage,
    responses=documented(*MEMBER_ERRORS),
)
async def list_forms(query: Annotated[PageQuery, Query()], workspace: CurrentWorkspace) -> Response:
    """List the company's forms, the newest first."""
    forms, following = await service.list_forms(workspace, query.limit, query.after)
    items = [_shown(workspace, form) for form in forms]
    return json_response({"items": items, "next": following})


@router.post(
    "/forms",
    status_code=201,
    summary="Make a form",
    openapi_extra=needs(Permission.forms_write),
    response_model=Form,
    dependencies=[IDEMPOTENT],
    responses=documented(*MEMBER_WRITE_ERRORS),
)
async def create_form(body: FormCreate, workspace: CurrentWorkspace) -> Response:
    """Make a custom form; it takes submissions at once."""
    return _created(workspace, await service.create_form(workspace, body))


@router.post(
    "/forms/platforms/{platform}",
    status_code=201,
    summary="Make a platform's form",
    openapi_extra=needs(Permission.forms_write),
    response_model=Form,
    dependencies=[IDEMPOTENT],
    responses=documented(*MEMBER_WRITE_ERRORS, FormExists),
)
async def create_platform_form(platform: PlatformName, workspace: CurrentWorkspace) -> Response:
    """Make the form of a platform from its template; each platform has one."""
    form = await service.create_platform_form(workspace, FormType(platform))
    return _created(workspace, form)


@router.get(
    "/forms/{formId}",
    summary="Read a form",
    openapi_extra=needs(Permission.forms_read),
    response_model=Form,
    responses=documented(*MEMBER_ERRORS, FormNotFound),
)
async def get_form(formId: IdInPath, workspace: CurrentWorkspace) -> Response:  # noqa: N803 - named on the wire
    """Read one form."""
    form = await service.get_form(workspace, ObjectId(formId))
    return json_response(_shown(workspace, form), headers={"ETag": etag(form.get("revision"))})


@router.get(
    "/forms/{formId}/embed",
    summary="How to embed a form",
    openapi_extra=needs(Permission.forms_read),
    responses=documented(*MEMBER_ERRORS, FormNotFound),
)
async def get_embed(formId: IdInPath, workspace: CurrentWorkspace) -> Embed:  # noqa: N803 - named on the wire
    """Get the address, an iframe and a plain link."""
    form = await service.get_form(workspace, ObjectId(formId))
    url = service.embed_url(workspace, form)
    name = escape(form.get("name") or "Form")
    return Embed(embed_url=url, iframe=_iframe(url), link=f'<a href="{escape(url)}">{name}</a>')


class SubmissionQuery(PageQuery):
    """Whose submissions are asked for."""

    lead_id: Annotated[str, Field(pattern=OBJECT_ID_PATTERN)]


@router.get(
    "/submissions",
    summary="List what a lead sent",
    openapi_extra=needs(Permission.leads_read),
    response_model=SubmissionPage,
    responses=documented(*MEMBER_ERRORS, LeadNotFound),
)
async def list_submissions(
    query: Annotated[SubmissionQuery, Query()], workspace: CurrentWorkspace
) -> Response:
    """List what a lead's person sent through forms, each as it was sent, the newest first."""
    rows, following = await service.list_submissions(
        workspace, ObjectId(query.lead_id), query.limit, query.after
    )
    return json_response({"items": [resource(row) for row in rows], "next": following})


def _created(workspace: Workspace, form: Document) -> Response:
    headers = {"Location": f"/api/v1/forms/{form['_id']}", "ETag": etag(form.get("revision"))}
    return json_response(_shown(workspace, form), 201, headers)


def _shown(workspace: Workspace, form: Document) -> Document:
    url = service.embed_url(workspace, form)
    return {**resource(form), "embedUrl": url, "embedCode": _iframe(url)}


def _iframe(url: str) -> str:
    return (
        f'<iframe src="{escape(url)}" title="Form" width="100%" height="600" '
        'style="border:0" loading="lazy"></iframe>'
    )
