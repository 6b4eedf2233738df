"""Bodies and answers of the form routes.

A form's configuration is shown to strangers and may come from somebody hostile: every part of it has a
grammar here, and is escaped where it is shown.
"""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from jazzaam.crm.forms.models import FieldType
from jazzaam.web.input import ON_ONE_LINE, Input, Line, Output

FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
FontFamily = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9 -]{0,39}(, ?[A-Za-z][A-Za-z0-9 -]{0,39}){0,4}$"),
]
RedirectUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https://[A-Za-z0-9.-]{1,253}(:\d{1,5})?(/[!-~]*)?$", max_length=500),
]
Short = Annotated[str, Field(min_length=1, max_length=120), ON_ONE_LINE]


class FormField(Input):
    """A question. `options` are for a `select` alone."""

    name: FieldName
    type: FieldType
    label: Short
    placeholder: Line = ""
    help: Line = ""
    required: bool = False
    options: list[Short] = Field(default_factory=list[str], max_length=100)

    @model_validator(mode="after")
    def _options_fit_the_type(self) -> Self:
        if (self.type is FieldType.select) != bool(self.options):
            raise ValueError("options belong to a select, which needs them")
        if len(set(self.options)) != len(self.options):
            raise ValueError("an option stands twice")
        return self


class FormSettings(Input):
    """What the page says, and where it leads."""

    title: Annotated[str, Field(max_length=120), ON_ONE_LINE] = ""
    submit_button_text: Annotated[str, Field(min_length=1, max_length=60), ON_ONE_LINE] = "Send"
    success_message: Annotated[str, Field(min_length=1, max_length=500)] = (
        "Thank you. We have your details."
    )
    redirect_url: RedirectUrl | None = None


class FormStyling(Input):
    """How the page looks; `borderRadius` in pixels."""

    primary_color: Colour = "#0b5fff"
    secondary_color: Colour = "#55606e"
    font_family: FontFamily = "Arial, sans-serif"
    border_radius: Annotated[int, Field(ge=0, le=40)] = 4


class FormCreate(Input):
    """A custom form."""

    name: Short
    fields: Annotated[list[FormField], Field(min_length=1, max_length=50)]
    settings: FormSettings = FormSettings()
    styling: FormStyling = FormStyling()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [field.name.casefold() for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("two fields have the same name")
        return self


class FieldOut(Output):
    """A question."""

    name: str
    type: str
    label: str | None = None
    placeholder: str | None = None
    help: str | None = None
    required: bool | None = None
    options: list[str] | None = None


class SettingsOut(Output):
    """What the page says, and where it leads."""

    title: str | None = None
    submit_button_text: str | None = None
    success_message: str | None = None
    redirect_url: str | None = None


class ConfigOut(Output):
    """The questions and the page's words."""

    fields: list[FieldOut]
    settings: SettingsOut


class StylingOut(Output):
    """How the page looks."""

    primary_color: str | None = None
    secondary_color: str | None = None
    font_family: str | None = None
    border_radius: int | None = None


class StoredForm(Output):
    """What is read of a form."""

    id: str
    name: str | None = None
    form_type: str
    status: str
    config: ConfigOut
    styling: StylingOut | None = None
    access_token: str
    revision: int | None = None
    created_at: datetime
    updated_at: datetime | None = None


class Form(StoredForm):
    """A form, with its address and the snippet that embeds it."""

    embed_url: str
    embed_code: str


class FormPage(Output):
    """All forms of a company, the newest first."""

    items: list[Form]
    next: str | None


class Embed(Output):
    """How to put a form on a page of one's own."""

    embed_url: str
    iframe: str
    link: str


class PublicForm(Output):
    """What a visitor may know of a form."""

    form_type: str
    config: ConfigOut
    styling: StylingOut | None = None


class Submitted(Output):
    """A submission that is safe; `duplicate` when its person was known before."""

    submission_id: str
    message: str
    redirect_url: str | None = None
    duplicate: bool | None = None


class StoredSubmission(Output):
    """What a visitor sent, as it was sent, by the name of the field."""

    id: str
    form_id: str
    lead_id: str | None = None
    values: dict[str, str]
    dropped: Annotated[
        int | None, Field(description="Fields nobody asked for that were cut or left out.")
    ] = None
    at: datetime


class SubmissionPage(Output):
    """A page of submissions, the newest first; `next` continues it."""

    items: list[StoredSubmission]
    next: str | None
