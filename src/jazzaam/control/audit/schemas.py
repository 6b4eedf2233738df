"""What the audit log's route is asked, and answers."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from jazzaam.control.audit.models import Action, Resource
from jazzaam.identifiers import OBJECT_ID_PATTERN
from jazzaam.web.input import Output, PageQuery


class AuditQuery(PageQuery):
    """Which entries."""

    action: Action | None = None
    resource: Resource | None = None
    account_id: Annotated[str, Field(pattern=OBJECT_ID_PATTERN)] | None = None
    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    to: AwareDatetime | None = None


class AuditActor(Output):
    """Who did it: an account, an API key, support, an operator, a job, or nobody who signed in."""

    kind: str
    id: str


class AuditEntry(Output):
    """One thing that was done; what may tell of a person is null when that person was erased."""

    id: str
    action: str
    resource: str
    resource_id: str
    status: str
    fields: list[str]
    values: dict[str, Any] | None
    actor: AuditActor
    ip_address: str | None
    user_agent: str | None
    request_id: str
    created_at: datetime


class AuditPage(Output):
    """A page of entries, the newest first."""

    items: list[AuditEntry]
    next: str | None
