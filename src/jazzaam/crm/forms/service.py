"""The rules of forms."""

from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.billing.plans import WAITING_SUBMISSIONS
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.forms.answers import Answers, Question, read_answers
from jazzaam.crm.forms.errors import AnswersInvalid, FormFull, FormNotFound
from jazzaam.crm.forms.events import (
    FormCreated,
    LeadCaptured,
    LeadSubmittedAgain,
    SubmissionQuarantined,
)
from jazzaam.crm.forms.mapping import lead_from
from jazzaam.crm.forms.models import FORM_KEY, FormStatus, FormType, SubmissionState
from jazzaam.crm.forms.platforms import PLATFORMS, template_fields, template_words
from jazzaam.crm.forms.repository import FormRepository, SubmissionRepository
from jazzaam.crm.forms.schemas import FormCreate, FormField, FormStyling
from jazzaam.crm.leads import service as leads
from jazzaam.crm.leads.errors import LeadExists, LeadNotFound
from jazzaam.crm.workspace import Workspace
from jazzaam.errors import FieldError
from jazzaam.identifiers import new_id, new_public_token
from jazzaam.tenancy.catalog import PublicKey
from jazzaam.tenancy.change import may_be_committed
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.limits import LimitReached
from jazzaam.tenancy.models import TenantId

_ATTEMPTS: Final = 3
_FULL_SECONDS: Final = 3600
"""When whoever was refused by a full company may try again: its members must act first."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission that is safe."""

    id: ObjectId
    duplicate: bool


async def create_form(workspace: Workspace, data: FormCreate) -> Document:
    """Make a custom form; raises `Forbidden` or `LimitReached`."""
    return await _create(
        workspace,
        FormType.custom,
        data.name,
        data.fields,
        data.settings.model_dump(mode="json", by_alias=True),
        data.styling,
    )


async def create_platform_form(workspace: Workspace, form_type: FormType) -> Document:
    """Make a platform's form from its template.

    Raises `Forbidden`, `LimitReached`, or `FormExists` when the platform has an active one.
    """
    return await _create(
        workspace,
        form_type,
        f"{PLATFORMS[form_type].name} form",
        template_fields(form_type),
        template_words(form_type),
        FormStyling(),
    )


async def _create(
    workspace: Workspace,
    form_type: FormType,
    name: str,
    fields: list[FormField],
    words: dict[str, Any],
    styling: FormStyling,
) -> Document:
    """Write a form in three steps: its key is reserved, the form is written, the key is activated.

    They are in two databases, so no transaction spans them. A crash leaves a reserved key, which opens
    nothing, or a form whose key a job activates that was written with it.
    """
    workspace.member.require(Permission.forms_write)
    now, form_id, token = workspace.clock.now(), new_id(), new_public_token()
    form: Document = {
        "_id": form_id,
        "name": name,
        "formType": form_type,
        "status": FormStatus.active,
        "config": {
            "fields": [field.model_dump(mode="json", by_alias=True) for field in fields],
            "settings": words,
        },
        "styling": styling.model_dump(mode="json", by_alias=True),
        "accessToken": token,
        "isPublic": True,
        "revision": 1,
        "createdAt": now,
        "updatedAt": now,
    }
    names = _names(workspace, form_id)
    catalog = workspace.services.catalog
    await catalog.reserve_key(token, names, now)

    async def work() -> ObjectId:
        await FormRepository(workspace.db).add(form)
        workspace.publish(FormCreated(form_id))
        values = {"name": name, "formType": str(form_type)}
        workspace.audit(Action.create, Resource.form, form_id, values=values)
        return form_id

    try:
        async with workspace.reserving({"forms": 1}) as reservation:
            written = await workspace.change(work)
    except Exception as error:
        if not may_be_committed(error):
            await catalog.release_key(token, names)
        raise
    if written != form_id:  # the request was sent before, and made that form
        reservation.give_back()
        await catalog.release_key(token, names)
    stored = await _read(workspace, written)
    await activate_key(workspace, stored)
    return stored


async def activate_key(workspace: Workspace, form: Document) -> None:
    """Let a form's token open it; safe to repeat."""
    names = _names(workspace, form["_id"])
    await workspace.services.catalog.activate_key(form["accessToken"], names)


def _names(workspace: Workspace, form_id: ObjectId) -> PublicKey:
    return PublicKey(TenantId(workspace.db.tenant.id), FORM_KEY, str(form_id))


async def get_form(workspace: Workspace, form_id: ObjectId) -> Document:
    """Read a form; raises `Forbidden` or `FormNotFound`."""
    workspace.member.require(Permission.forms_read)
    return await _read(workspace, form_id)


async def _read(workspace: Workspace, form_id: ObjectId) -> Document:
    form = await FormRepository(workspace.db).get(form_id)
    if form is None:
        raise FormNotFound
    return form


async def list_forms(
    workspace: Workspace, limit: int, cursor: str | None
) -> tuple[list[Document], str | None]:
    """Read a page of forms, the newest first; raises `Forbidden` or `InvalidInput`."""
    workspace.member.require(Permission.forms_read)
    scope = [workspace.db.tenant.id, "forms"]
    cursors = workspace.services.cursors
    position = cursors.read(scope, cursor)
    forms, last = await FormRepository(workspace.db).page(limit, position)
    return forms, cursors.write(scope, last)


async def open_form(workspace: Workspace, named: PublicKey, access_token: str) -> Document:
    """Read the form a visitor's token names; raises `FormNotFound` when it takes no submissions."""
    workspace.member.require(Permission.forms_submit)
    form = await FormRepository(workspace.db).accessible(ObjectId(named.resource_id), access_token)
    if form is None:
        raise FormNotFound
    return form


async def submit(workspace: Workspace, form: Document, sent: dict[str, Any]) -> Submission:
    """Take a submission: when this returns, it and its lead are durable.

    A person who is a lead already gets a submission and a line of history, and the members are told;
    nothing of the lead is changed. When the company has as many leads as its plan allows, the submission is
    kept in quarantine, and the members are told. Raises `AnswersInvalid`, `FormFull`.
    """
    workspace.member.require(Permission.forms_submit)
    answers = read_answers(questions_of(form), sent)
    source_url = embed_url(workspace, form)
    known, complaint = lead_from(FormType(form["formType"]), form["_id"], answers.valid, source_url)
    errors = answers.errors + ([complaint] if complaint and not answers.errors else [])
    if not errors and not any(text.strip() for text in answers.raw.values()):
        errors = [FieldError("", "empty", "Nothing was filled in.")]
    if errors:
        raise AnswersInvalid(errors)
    for attempt in range(_ATTEMPTS):
        try:
            return await _capture(workspace, form, known, answers)
        except (LeadExists, LimitReached) as error:
            repeated = await _repeat(workspace, form, known, answers)
            if repeated is not None:
                return repeated
            if isinstance(error, LimitReached):
                return await _quarantine(workspace, form, answers)
            if attempt == _ATTEMPTS - 1:  # it is deleted each time we look, and there each time we write
                raise
    raise AssertionError


async def _capture(
    workspace: Workspace, form: Document, known: dict[str, Any], answers: Answers
) -> Submission:
    submission_id, lead_id, now = new_id(), new_id(), workspace.clock.now()
    lead = leads.new_lead(known, now, lead_id)

    async def work() -> Document:
        await leads.record_new_lead(workspace, lead)
        await _write(workspace, submission_id, form, answers, {"leadId": lead_id})
        workspace.publish(LeadCaptured(lead_id, form["_id"], submission_id))
        return {"id": submission_id, "duplicate": False}

    async with workspace.reserving(leads.use_of(lead)) as reservation:
        taken = Submission(**await workspace.change(work))
    if taken.id != submission_id:  # the request was sent before, and made that lead
        reservation.give_back()
    return taken


async def _quarantine(workspace: Workspace, form: Document, answers: Answers) -> Submission:
    """Keep a submission that may not become a lead yet; raises `FormFull` when too many are kept."""
    submission_id = new_id()

    async def work() -> Document:
        await _write(workspace, submission_id, form, answers, {"state": SubmissionState.quarantine})
        workspace.publish(SubmissionQuarantined(form["_id"], submission_id))
        return {"id": submission_id, "duplicate": False}

    try:
        async with workspace.reserving({WAITING_SUBMISSIONS.name: 1}) as reservation:
            kept = Submission(**await workspace.change(work))
    except LimitReached:
        raise FormFull(retry_after_seconds=_FULL_SECONDS) from None
    if kept.id != submission_id:  # the request was sent before, and was kept then
        reservation.give_back()
    return kept


async def _repeat(
    workspace: Workspace, form: Document, known: dict[str, Any], answers: Answers
) -> Submission | None:
    """Keep a submission of somebody who is a lead already; None when there is no such lead (any more)."""
    profile = known.get("platformUrl")
    lead_id = await leads.find_profile(workspace, known["platform"], profile) if profile else None
    if lead_id is None:
        return None
    submission_id = new_id()

    async def work() -> Document:
        await leads.note_submission(workspace, lead_id)
        await _write(workspace, submission_id, form, answers, {"leadId": lead_id})
        workspace.publish(LeadSubmittedAgain(lead_id, form["_id"], submission_id))
        return {"id": submission_id, "duplicate": True}

    try:
        return Submission(**await workspace.change(work))
    except LeadNotFound:
        return None


async def list_submissions(
    workspace: Workspace, lead_id: ObjectId, limit: int, cursor: str | None
) -> tuple[list[Document], str | None]:
    """Read a page of what a lead's person sent, the newest first.

    Raises `Forbidden`, `LeadNotFound` (also for a lead that who is at work may not see), or `InvalidInput`.
    """
    await leads.get_lead(workspace, lead_id)
    scope = [workspace.db.tenant.id, "submissions", str(lead_id)]
    cursors = workspace.services.cursors
    position = cursors.read(scope, cursor)
    rows, last = await SubmissionRepository(workspace.db).of_lead(lead_id, limit, position)
    return rows, cursors.write(scope, last)


async def _write(
    workspace: Workspace, submission_id: ObjectId, form: Document, answers: Answers, whose: Document
) -> None:
    """Write a submission: of a lead, or with a state that says why it waits."""
    await SubmissionRepository(workspace.db).add(
        {
            "_id": submission_id,
            "formId": form["_id"],
            **whose,
            "values": answers.raw,
            **({"dropped": answers.dropped} if answers.dropped else {}),
            "at": workspace.clock.now(),
        }
    )


def questions_of(form: Document) -> list[Question]:
    """Give a stored form's questions; the original's fields may lack what ours have."""
    return [
        Question(
            name=field["name"],
            type=field.get("type", "text"),
            label=field.get("label") or field["name"],
            required=bool(field.get("required")),
            options=field.get("options") or (),
        )
        for field in form["config"].get("fields", ())
    ]


def embed_url(workspace: Workspace, form: Document) -> str:
    """Give the address of a form's page."""
    return f"{workspace.services.forms_url}/f/{form['accessToken']}"
