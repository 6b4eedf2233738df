"""What happens through forms."""

from dataclasses import dataclass
from typing import ClassVar

from bson import ObjectId

from jazzaam.events import Event, LeadEvent


@dataclass(frozen=True, slots=True)
class LeadCaptured(LeadEvent):
    """A visitor became a lead."""

    kind: ClassVar[str] = "lead.captured"
    form_id: ObjectId
    submission_id: ObjectId


@dataclass(frozen=True, slots=True)
class LeadSubmittedAgain(LeadEvent):
    """Somebody who is a lead already used a form again; no field was changed by it."""

    kind: ClassVar[str] = "lead.submittedAgain"
    form_id: ObjectId
    submission_id: ObjectId


@dataclass(frozen=True, slots=True)
class SubmissionQuarantined(Event):
    """A submission was kept that may not become a lead: the plan allows no more."""

    kind: ClassVar[str] = "submission.quarantined"
    form_id: ObjectId
    submission_id: ObjectId


@dataclass(frozen=True, slots=True)
class FormCreated(Event):
    """A form was written; its key may still be reserved."""

    kind: ClassVar[str] = "form.created"
    form_id: ObjectId
