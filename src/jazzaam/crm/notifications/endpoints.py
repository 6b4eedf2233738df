"""The notification routes."""

from typing import Annotated

from bson import ObjectId
from fastapi import APIRouter, Query, Response

from jazzaam.control.dependencies import SIGNED_IN
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dependencies import MEMBER_ERRORS, MEMBER_WRITE_ERRORS, CurrentWorkspace
from jazzaam.crm.notifications import service
from jazzaam.crm.notifications.errors import NotificationNotFound
from jazzaam.crm.notifications.schemas import NotificationPage
from jazzaam.web.input import IdInPath, PageQuery
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/notifications", tags=["notifications"], dependencies=SIGNED_IN)


@router.get(
    "",
    summary="List notifications",
    openapi_extra=needs(Permission.leads_read),
    response_model=NotificationPage,
    responses=documented(*MEMBER_ERRORS),
)
async def list_notifications(query: Annotated[PageQuery, Query()], workspace: CurrentWorkspace) -> Response:
    """List what the company's members were told, newest first."""
    page = await service.list_notifications(workspace, query.limit, query.after)
    page["items"] = [resource(row) for row in page["items"]]
    return json_response(page)


@router.post(
    "/{notificationId}/read",
    status_code=204,
    summary="Mark a notification as read",
    openapi_extra=needs(Permission.leads_read),
    responses=documented(*MEMBER_WRITE_ERRORS, NotificationNotFound),
)
async def mark_read(notificationId: IdInPath, workspace: CurrentWorkspace) -> None:  # noqa: N803 - named on the wire
    """Mark one as read; safe to repeat."""
    await service.mark_read(workspace, ObjectId(notificationId))
