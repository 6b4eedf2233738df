"""Answers of the notification routes."""

from datetime import datetime

from jazzaam.web.input import Output


class Notification(Output):
    """Something the company's members are told."""

    id: str
    kind: str | None = None
    title: str
    message: str
    lead_id: str | None = None
    is_read: bool
    created_at: datetime


class NotificationPage(Output):
    """A page of notifications; `next` continues it."""

    items: list[Notification]
    next: str | None
