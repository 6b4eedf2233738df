"""From answers to a lead: pure."""

from collections.abc import Mapping
from typing import Any, Final

from bson import ObjectId

from jazzaam.crm.forms.models import FormType
from jazzaam.crm.forms.platforms import PLATFORMS, canonical_profile
from jazzaam.errors import FieldError

_LEAD_FIELDS: Final[Mapping[str, str]] = {
    name.casefold(): field
    for field, names in {
        "fullName": ("fullName", "name", "full_name"),
        "firstName": ("firstName", "first_name"),
        "lastName": ("lastName", "last_name"),
        "email": ("email", "mail", "e_mail"),
        "phone": ("phone", "tel", "telephone", "mobile"),
        "company": ("company", "companyName", "organisation", "organization"),
        "companyIndustry": ("companyIndustry", "industry"),
        "companySize": ("companySize",),
        "companyWebsite": ("companyWebsite", "website"),
        "jobTitle": ("jobTitle", "job_title", "title", "role"),
        "department": ("department",),
        "location": ("location",),
        "country": ("country",),
        "city": ("city",),
        "notes": ("notes", "message", "comment"),
    }.items()
    for name in names
}
"""Which question fills which field of a lead, by the question's name in any case."""

_LONGEST: Final = 200
"""Characters that a lead's own field keeps of an answer; the submission has it whole."""


def lead_from(
    form_type: FormType, form_id: ObjectId, answers: Mapping[str, str], source_url: str
) -> tuple[dict[str, Any], FieldError | None]:
    """Give what is known of the lead, or what is wrong with its profile."""
    known: dict[str, Any] = {
        field: value if field == "notes" else value[:_LONGEST]
        for name, value in answers.items()
        if (field := _LEAD_FIELDS.get(name.casefold())) is not None
    }
    if "email" in known:
        known["email"] = known["email"].lower()
    known |= {"formId": form_id, "sourceUrl": source_url, "source": "form", "platform": "other"}
    platform = PLATFORMS.get(form_type)
    if platform is None:
        return known, None
    typed = answers.get(platform.field_name, "")
    profile = canonical_profile(platform, typed)
    if profile is None:
        message = f"is not a profile on {platform.name}"
        return known, FieldError(f"/{platform.field_name}", "profile", message)
    known |= {
        "platform": form_type.value,
        "source": form_type.value,
        "platformUrl": profile,
        "profileUrl": profile,
    }
    return known, None
