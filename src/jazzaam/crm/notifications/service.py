"""The rules of notifications."""

from datetime import timedelta
from typing import Any, Final

from bson import ObjectId

from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.preferences.models import NotificationKind
from jazzaam.crm.notifications.errors import NotificationNotFound
from jazzaam.crm.notifications.repository import NotificationRepository
from jazzaam.crm.notifications.wording import words
from jazzaam.crm.workspace import Workspace
from jazzaam.tenancy.database import Document

_COLLECTION: Final = "notifications"


async def notify_once_a_day(workspace: Workspace, kind: NotificationKind, params: dict[str, str]) -> None:
    """Tell all members something that is about no lead, unless they were told within a day."""
    yesterday = workspace.clock.now() - timedelta(days=1)
    if not await NotificationRepository(workspace.db).told_since(kind, yesterday):
        await notify(workspace, kind, None, params)


async def notify(
    workspace: Workspace,
    kind: NotificationKind,
    lead_id: ObjectId | None,
    params: dict[str, str],
    *,
    assignee_id: ObjectId | None = None,
) -> None:
    """Notify all members, in the running change. Texts are not stored: `params` are.

    `assignee_id` is whose lead it is: of those who see only their own leads, they alone are notified.
    """
    now = workspace.clock.now()
    await NotificationRepository(workspace.db).add(
        {
            "_id": ObjectId(),
            "kind": kind,
            "params": params,
            "leadId": lead_id,
            **({"assigneeId": assignee_id} if assignee_id else {}),
            "createdAt": now,
            "updatedAt": now,
        }
    )


def _visible(workspace: Workspace) -> NotificationRepository:
    """Return what who is at work may see, as they have read it."""
    member = workspace.member
    return NotificationRepository(
        workspace.db, reader=member.actor.id, of=member.leads_of, muted=member.muted
    )


async def list_notifications(workspace: Workspace, limit: int, cursor: str | None) -> dict[str, Any]:
    """Read a page, newest first; raises `Forbidden`, or `InvalidInput` for a foreign cursor."""
    workspace.member.require(Permission.leads_read)
    bound = str(workspace.member.leads_of or "")
    scope = [workspace.db.tenant.id, _COLLECTION, bound, *sorted(workspace.member.muted)]
    cursors = workspace.services.cursors
    position = cursors.read(scope, cursor)
    rows, last = await _visible(workspace).page(limit, position)
    return {
        "items": [_worded(row) for row in rows],
        "next": cursors.write(scope, last),
    }


async def mark_read(workspace: Workspace, notification_id: ObjectId) -> None:
    """Mark one as read by who is at work alone; raises `Forbidden` or `NotificationNotFound`."""
    workspace.member.require(Permission.leads_read)
    if not await _visible(workspace).mark_read(notification_id):
        raise NotificationNotFound


def _worded(row: Document) -> Document:
    """Put a row into words; the original stored its own."""
    title, message = words(row.get("kind"), row.pop("params", {})) or (
        row.get("title", ""),
        row.get("message", ""),
    )
    return {**row, "title": title, "message": message}
