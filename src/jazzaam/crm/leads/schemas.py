"""Bodies and answers of the lead routes."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from jazzaam.crm.leads.models import LeadStatus, Platform
from jazzaam.identifiers import OBJECT_ID_PATTERN
from jazzaam.web.input import ON_ONE_LINE, Input, Line, Output

Notes = Annotated[str, Field(max_length=20_000)]


def _address(value: str) -> str:
    if not value:
        return ""
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_address)]
Score = Annotated[int, Field(ge=0, le=100, strict=True)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_INT64 = 2**63 - 1


class Money(Input):
    """An amount in the currency's smallest unit (ISO 4217)."""

    amount_minor: Annotated[int, Field(ge=-_INT64, le=_INT64, strict=True)]
    currency: Currency


class Tag(Input):
    """A word on a lead, with a colour."""

    name: Annotated[str, Field(min_length=1, max_length=60), ON_ONE_LINE]
    color: Annotated[str, StringConstraints(pattern=r"^(#[0-9a-fA-F]{6})?$")] = ""


class _Person(Input):
    """What is known of a person; every field may be missing."""

    first_name: Line | None = None
    last_name: Line | None = None
    full_name: Line | None = None
    email: Email | None = None
    phone: Annotated[str, Field(max_length=40), ON_ONE_LINE] | None = None
    company: Line | None = None
    company_industry: Line | None = None
    company_website: Annotated[str, Field(max_length=500), ON_ONE_LINE] | None = None
    company_size: Line | None = None
    job_title: Line | None = None
    department: Line | None = None
    location: Line | None = None
    country: Line | None = None
    city: Line | None = None
    profile_url: Annotated[str, Field(max_length=500), ON_ONE_LINE] | None = None
    notes: Notes | None = None
    tags: Annotated[list[Tag], Field(max_length=50)] | None = None
    lead_score: Score | None = None
    value: Money | None = None
    expected_close_date: date | None = None
    assigned_to: Annotated[
        str | None,
        Field(pattern=OBJECT_ID_PATTERN, description="The account of an active member of the company."),
    ] = None


class LeadCreate(_Person):
    """A lead that a member adds by hand: with a name, an email, a phone, a company or a platformUrl."""

    platform: Platform = Platform.other
    platform_url: Annotated[str, Field(min_length=1, max_length=500), ON_ONE_LINE] | None = None
    status: LeadStatus = LeadStatus.new


class LeadUpdate(_Person):
    """A JSON merge patch (RFC 7396): fields that are named change, `null` removes one."""

    status: LeadStatus | None = None

    @model_validator(mode="after")
    def _keeps_a_status(self) -> Self:
        if "status" in self.model_fields_set and self.status is None:
            raise ValueError("status cannot be removed")
        return self


class UtmParams(Output):
    """The campaign a visitor came from."""

    utm_source: Annotated[str | None, Field(alias="utm_source")] = None
    utm_medium: Annotated[str | None, Field(alias="utm_medium")] = None
    utm_campaign: Annotated[str | None, Field(alias="utm_campaign")] = None
    utm_term: Annotated[str | None, Field(alias="utm_term")] = None
    utm_content: Annotated[str | None, Field(alias="utm_content")] = None


class Budget(Output):
    """What they can spend."""

    value: str | None = None
    score: float | None = None
    qualified: bool | None = None


class Authority(Output):
    """Whether they decide."""

    value: str | None = None
    score: float | None = None
    is_decision_maker: bool | None = None
    level: str | None = None


class Need(Output):
    """What they need it for."""

    value: list[str] | str | None = None
    score: float | None = None
    urgency: str | None = None


class Timeline(Output):
    """When they will decide."""

    value: str | None = None
    score: float | None = None
    timeframe: str | None = None


class Bant(Output):
    """Budget, authority, need, timeline: 0 to 25 each."""

    budget: Budget | None = None
    authority: Authority | None = None
    need: Need | None = None
    timeline: Timeline | None = None
    total_score: float | None = None
    category: str | None = None
    qualified_at: datetime | None = None


class TagOut(Output):
    """A word on a lead."""

    name: str | None = None
    color: str | None = None


class MoneyOut(Output):
    """An amount in the currency's smallest unit."""

    amount_minor: int | None = None
    currency: str | None = None


class EmailStatus(Output):
    """What happened to mail for this lead."""

    welcome_sent: bool | None = None
    welcome_sent_at: datetime | None = None
    follow_up_sent: bool | None = None
    follow_up_sent_at: datetime | None = None
    email_bounced: bool | None = None
    email_unsubscribed: bool | None = None


class LeadSummary(Output):
    """A lead as lists show it. Fields nobody has filled are not there, or null."""

    id: str
    form_id: str | None = None
    platform: str
    platform_url: str | None = None
    profile_url: str | None = None
    profile_pic: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    company_industry: str | None = None
    company_website: str | None = None
    company_size: str | None = None
    job_title: str | None = None
    department: str | None = None
    location: str | None = None
    country: str | None = None
    city: str | None = None
    source: str | None = None
    source_url: str | None = None
    referrer: str | None = None
    utm_params: UtmParams | None = None
    bant: Bant | None = None
    status: str
    status_changed_at: datetime | None = None
    notes: str | None = None
    assigned_to: str | None = None
    assignment_date: datetime | None = None
    tags: list[TagOut] | None = None
    email_status: EmailStatus | None = None
    lead_score: float | None = None
    value: MoneyOut | None = None
    expected_close_date: str | None = None
    revision: int | None = None
    created_at: datetime
    updated_at: datetime | None = None


class LeadDetail(LeadSummary):
    """A lead with what its platform told."""

    platform_data: dict[str, Any] | None = None


class LeadPage(Output):
    """A page of leads; `next` continues it."""

    items: list[LeadSummary]
    next: str | None
    total: int | None = None
