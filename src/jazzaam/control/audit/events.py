"""What the audit log is told, in the transaction of the change itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId

from jazzaam.control.audit.models import Action, Origin, Outcome, Resource
from jazzaam.control.memberships.models import Actor
from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class Audited(Event):
    """Something was done in a company's own database.

    `fields` names what was changed. `values` may hold what it was changed to: never a secret, and nothing
    of a lead.
    """

    kind: ClassVar[str] = "audit.done"
    action: str
    resource: str
    resource_id: str
    status: str
    fields: list[str]
    values: dict[str, Any]
    actor: dict[str, Any]
    at: datetime
    address: str
    agent: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditedInControl(Audited):
    """Something was done in the shared database.

    With `company_id` it is that company's. Without, it is about the account `account_id`, and told to each
    company it works in; when it works in none, or is nobody's, it stands in the log of no company.
    """

    kind: ClassVar[str] = "audit.doneInControl"
    company_id: ObjectId | None
    account_id: ObjectId | None


def audited(
    action: Action,
    resource: Resource,
    resource_id: object,
    *,
    by: Actor,
    origin: Origin,
    at: datetime,
    fields: Iterable[str] = (),
    values: Mapping[str, Any] | None = None,
    failed: bool = False,
) -> dict[str, Any]:
    """Give the fields that both events share."""
    return {
        "action": str(action),
        "resource": str(resource),
        "resource_id": str(resource_id),
        "status": str(Outcome.failed if failed else Outcome.success),
        "fields": sorted(fields),
        "values": dict(values or {}),
        "actor": {"kind": str(by.kind), "id": by.id},
        "at": at,
        "address": origin.address,
        "agent": origin.agent,
        "request_id": origin.request_id,
    }
