"""The notification routes."""

from typing import Annotated

from bson import ObjectId
from fastapi import APIRouter, Query, Response
from pydantic import Field

from jazzaam.control.accounts.dependencies import SIGNED_IN
from jazzaam.crm.dependencies import MEMBER_ERRORS, CurrentWorkspace
from jazzaam.crm.notifications import service
from jazzaam.crm.notifications.errors import NotificationNotFound
from jazzaam.crm.notifications.schemas import NotificationPage
from jazzaam.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from jazzaam.web.input import IdInPath, Input
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/notifications", tags=["notifications"], dependencies=SIGNED_IN)


class NotificationQuery(Input):
    """What a list of notifications asks for."""

    limit: Annotated[int, Field(ge=1, le=MAXIMUM_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[str | None, Field(max_length=2000, description="`next` of the last page.")] = None


@router.get(
    "",
    summary="List notifications",
    response_model=NotificationPage,
    responses=documented(*MEMBER_ERRORS),
)
async def list_notifications(
    query: Annotated[NotificationQuery, Query()], workspace: CurrentWorkspace
) -> Response:
    """List what the company's members were told, newest first."""
    page = await service.list_notifications(workspace, query.limit, query.after)
    page["items"] = [resource(row) for row in page["items"]]
    return json_response(page)


@router.post(
    "/{notificationId}/read",
    status_code=204,
    summary="Mark a notification as read",
    responses=documented(*MEMBER_ERRORS, NotificationNotFound),
)
async def mark_read(notificationId: IdInPath, workspace: CurrentWorkspace) -> None:  # noqa: N803 - named on the wire
    """Mark one as read; safe to repeat."""
    await service.mark_read(workspace, ObjectId(notificationId))
