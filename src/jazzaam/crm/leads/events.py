"""What happens to leads."""

from dataclasses import dataclass
from typing import ClassVar

from jazzaam.events import LeadEvent


@dataclass(frozen=True, slots=True)
class LeadCreated(LeadEvent):
    """A lead came to be; `source` says how."""

    kind: ClassVar[str] = "lead.created"
    source: str


@dataclass(frozen=True, slots=True)
class LeadUpdated(LeadEvent):
    """Somebody changed fields of a lead: their names, never their values."""

    kind: ClassVar[str] = "lead.updated"
    changed: list[str]


@dataclass(frozen=True, slots=True)
class LeadStatusChanged(LeadEvent):
    """A lead moved on."""

    kind: ClassVar[str] = "lead.statusChanged"
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class LeadDeleted(LeadEvent):
    """A lead went to the trash, with what hung on it."""

    kind: ClassVar[str] = "lead.deleted"
