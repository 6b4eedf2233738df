"""What happens to exports."""

from dataclasses import dataclass
from typing import ClassVar

from bson import ObjectId

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class ExportRequested(Event):
    """Somebody asked for everything of the company in one file; who, is what they may have it for."""

    kind: ClassVar[str] = "export.requested"
    by_kind: str
    by_id: str


@dataclass(frozen=True, slots=True)
class ExportExpired(Event):
    """The time in which an export can be fetched is over."""

    kind: ClassVar[str] = "export.expired"
    export_id: ObjectId
