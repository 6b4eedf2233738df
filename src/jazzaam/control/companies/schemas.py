"""Bodies and answers of the company's routes."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import pycountry
from pydantic import AfterValidator, Field, StringConstraints

from jazzaam.control.memberships.models import LeadVisibility
from jazzaam.jobs.schedule import is_zone
from jazzaam.web.input import ON_ONE_LINE, Input, Line, Output


def _zone(value: str) -> str:
    if not is_zone(value):
        raise ValueError("is no time zone of the IANA database, such as Europe/Lisbon")
    return value


def _currency(value: str) -> str:
    if pycountry.currencies.get(alpha_3=value) is None:  # pyright: ignore[reportUnknownMemberType]
        raise ValueError("is no currency of ISO 4217, such as EUR")
    return value


def _language(value: str) -> str:
    if pycountry.languages.get(alpha_2=value) is None:  # pyright: ignore[reportUnknownMemberType]
        raise ValueError("is no language of ISO 639-1, such as pt")
    return value


def _website(value: str) -> str:
    if value and not value.startswith(("https://", "http://")):
        raise ValueError("begins with https:// or http://")
    return value


Paragraph = Annotated[str, Field(max_length=5_000)]
Website = Annotated[str, Field(max_length=500), AfterValidator(_website)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(_currency)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$"), AfterValidator(_language)]


class CompanySize(StrEnum):
    """How many people work there."""

    up_to_10 = "1-10"
    up_to_50 = "11-50"
    up_to_200 = "51-200"
    up_to_500 = "201-500"
    over_500 = "500+"


class ContactPerson(Input):
    """Whom to talk to."""

    name: Line | None = None
    phone: Annotated[str, Field(max_length=40), ON_ONE_LINE] | None = None


class CompanyPatch(Input):
    """A JSON merge patch (RFC 7396): fields that are named change, `null` removes one."""

    company_name: Annotated[str, Field(min_length=2, max_length=100), ON_ONE_LINE] | None = None
    description: Paragraph | None = None
    website: Website | None = None
    industry: Line | None = None
    company_size: CompanySize | None = None
    company_service_type: Line | None = None
    company_sub_services: Annotated[list[Line], Field(max_length=100)] | None = None
    contact_person: ContactPerson | None = None


class SettingsPatch(Input):
    """Settings that are named change; none can be removed."""

    timezone: TimeZone | None = None
    currency: Currency | None = None
    language: Language | None = None
    email_notifications: bool | None = None
    lead_notifications: bool | None = None
    auto_bant_qualification: Annotated[bool | None, Field(alias="autoBANTQualification")] = None
    lead_visibility: Annotated[
        LeadVisibility | None,
        Field(description="`own`: members and viewers see the leads assigned to them, and no others."),
    ] = None
    require_second_factor: Annotated[
        bool | None, Field(description="Who works here needs a second factor to come in.")
    ] = None


class ContactPersonOut(Output):
    """Whom to talk to."""

    name: str | None = None
    phone: str | None = None


class CompanySettings(Output):
    """What a company has decided, with what holds where it has not."""

    timezone: str = "UTC"
    currency: str = "USD"
    language: str = "en"
    email_notifications: bool = True
    lead_notifications: bool = True
    auto_bant_qualification: Annotated[bool, Field(alias="autoBANTQualification")] = True
    lead_visibility: LeadVisibility = LeadVisibility.all
    require_second_factor: bool = False


class Company(Output):
    """A company's profile and settings."""

    id: str
    company_name: str
    description: str | None = None
    website: str | None = None
    industry: str | None = None
    company_size: str | None = None
    company_service_type: str | None = None
    company_sub_services: list[str] = Field(default_factory=list[str])
    contact_person: ContactPersonOut | None = None
    company_onboarding: bool = False
    subscription_plan: str = "free"
    subscription_status: str = "trial"
    settings: CompanySettings
    revision: int
    created_at: datetime | None = None
    updated_at: datetime | None = None
