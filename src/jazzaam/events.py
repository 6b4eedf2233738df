"""Facts in the past, told by features to whoever answers them.

Which job answers an event is declared in each `Feature`. An event about a lead also becomes a row of
that lead's history (`activities`).
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from bson import ObjectId


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened. Subclasses add what happened as BSON values.

    `kind` is what is stored, never renamed. `version` rises when the fields change; a worker accepts
    the previous one too.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def lead(self) -> ObjectId | None:
        """The lead it is about, if it is about one."""
        return None

    def data(self) -> dict[str, Any]:
        """Give its fields as they are stored."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class LeadEvent(Event):
    """Something happened to a lead."""

    lead_id: ObjectId

    @property
    def lead(self) -> ObjectId | None:
        """The lead it is about."""
        return self.lead_id
