"""Forms, and what was sent through them, as they are stored."""

from enum import StrEnum
from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec, PublicKeyField

FORM_KEY: Final = "form"
_PLATFORMS: Final = ["linkedin", "meta", "twitter", "instagram"]

FORMS: Final = CollectionSpec(
    "forms",
    indexes=(
        IndexSpec(
            "a token opens one form",
            (("accessToken", 1),),
            unique=True,
            partial={"accessToken": {"$type": "string"}},
        ),
        IndexSpec(
            "a platform has one active form",
            (("formType", 1),),
            unique=True,
            partial={"formType": {"$in": _PLATFORMS}, "status": "active"},
        ),
    ),
    validator={
        "$jsonSchema": {
            "required": ["formType", "status", "createdAt"],
            "properties": {
                "formType": {"bsonType": "string"},
                "status": {"bsonType": "string"},
                "accessToken": {"bsonType": "string"},
                "createdAt": {"bsonType": "date"},
            },
        }
    },
    public_key=PublicKeyField("accessToken", kind=FORM_KEY),
)
SUBMISSIONS: Final = CollectionSpec(
    "submissions",
    indexes=(
        IndexSpec("a form's submissions, newest first", (("formId", 1), ("at", -1))),
        IndexSpec("what a lead sent", (("leadId", 1), ("at", -1))),
        IndexSpec("what waits", (("state", 1), ("at", -1)), partial={"state": {"$type": "string"}}),
    ),
    lead_key="leadId",
)
"""What visitors sent, as they sent it."""

FORM_STATS: Final = CollectionSpec(
    "formstats",
    indexes=(IndexSpec("a form's numbers of a day", (("formId", 1), ("day", 1)), unique=True),),
)
"""Views and submissions by day; filled by a later feature."""


class SubmissionState(StrEnum):
    """A submission that became a lead, or belongs to one, has no state; others wait."""

    quarantine = "quarantine"
    """Kept although the plan allows no more leads."""


class FormType(StrEnum):
    """A platform's form asks for a profile; a custom one asks for anything."""

    custom = "custom"
    linkedin = "linkedin"
    meta = "meta"
    twitter = "twitter"
    instagram = "instagram"


class FormStatus(StrEnum):
    """Only an active form takes submissions."""

    active = "active"
    inactive = "inactive"


class FieldType(StrEnum):
    """What a field asks for."""

    text = "text"
    textarea = "textarea"
    email = "email"
    tel = "tel"
    url = "url"
    number = "number"
    select = "select"
    checkbox = "checkbox"
    date = "date"
