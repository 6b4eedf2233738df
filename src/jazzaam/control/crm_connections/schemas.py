"""Answers of the connections' route."""

from datetime import datetime

from jazzaam.web.input import Output


class Connection(Output):
    """A connection to another CRM, without anything that opens it."""

    id: str
    provider: str
    status: str
    account_name: str | None
    account_email: str | None
    account_domain: str | None
    sync_direction: str | None
    last_sync_at: datetime | None
    last_sync_status: str | None
    total_leads_synced: int
    created_at: datetime | None
    updated_at: datetime | None


class ConnectionList(Output):
    """All of them, by provider."""

    items: list[Connection]
