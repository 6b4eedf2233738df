"""What strangers reach: the hosted page, a form's definition, and submitting."""

import json
from typing import Annotated, Any, cast

from fastapi import APIRouter, Path, Request, Response

from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.crm.dependencies import NoSuchForm, open_for_visitor
from jazzaam.crm.forms import service
from jazzaam.crm.forms.errors import AnswersInvalid, FormNotFound
from jazzaam.crm.forms.page import form_page, missing_page, thanks_page
from jazzaam.crm.forms.schemas import PublicForm, Submitted
from jazzaam.crm.workspace import Workspace
from jazzaam.errors import FieldError, MalformedRequest
from jazzaam.tenancy.catalog import PublicKey
from jazzaam.tenancy.database import Document
from jazzaam.web.form_body import FORM_TYPES, read_form
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented, unsupported_media_type

router = APIRouter(prefix="/public/forms", tags=["public"])
pages = APIRouter(include_in_schema=False)

AccessToken = Annotated[str, Path(description="A form's access token: 64 lower-case hex digits.")]
_ANSWERS = {
    "requestBody": {
        "required": True,
        "description": "The answers by field name; other fields are kept as they come, within bounds.",
        "content": {
            media_type: {
                "schema": {
                    "type": "object",
                    "additionalProperties": {
                        "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
                    },
                }
            }
            for media_type in ("application/json", *FORM_TYPES)
        },
    }
}


@router.get(
    "/{accessToken}",
    summary="Read a form's definition",
    openapi_extra=needs(Access.form_token),
    response_model=PublicForm,
    responses=documented(NoSuchForm),
)
async def get_definition(request: Request, accessToken: AccessToken) -> Response:  # noqa: N803 - named on the wire
    """Read what a visitor may know of a form."""
    workspace, named = await open_for_visitor(request, accessToken)
    form = await _open(workspace, named, accessToken)
    shown = {name: form.get(name) for name in ("formType", "config", "styling")}
    return json_response(shown)


@router.post(
    "/{accessToken}/submissions",
    status_code=201,
    summary="Submit a form",
    response_model=Submitted,
    dependencies=[IDEMPOTENT],
    openapi_extra={**needs(Access.form_token), **_ANSWERS},
    responses={
        **documented(NoSuchForm, AnswersInvalid),
        200: {"model": Submitted, "description": "The same person again: kept, as history."},
    },
)
async def submit(request: Request, accessToken: AccessToken) -> Response:  # noqa: N803 - named on the wire
    """Submit answers as JSON or form-encoded. When this answers, the lead is durable."""
    workspace, named = await open_for_visitor(request, accessToken)
    form = await _open(workspace, named, accessToken)
    sent = await _sent(request)
    if sent is None:
        return unsupported_media_type("application/json", *FORM_TYPES)
    taken = await service.submit(workspace, form, sent)
    words: Document = form["config"].get("settings") or {}
    answer: dict[str, Any] = {
        "submissionId": taken.id,
        "message": words.get("successMessage") or "Thank you.",
        "redirectUrl": words.get("redirectUrl"),
    }
    if taken.duplicate:
        return json_response({**answer, "duplicate": True})
    return json_response(answer, 201)


@pages.get("/f/{accessToken}")
async def show_page(request: Request, accessToken: str) -> Response:  # noqa: N803 - named on the wire
    """Show a hosted form."""
    try:
        workspace, named = await open_for_visitor(request, accessToken)
        form = await _open(workspace, named, accessToken)
    except NoSuchForm:
        return missing_page()
    return form_page(form, service.questions_of(form), action=f"/f/{accessToken}")


@pages.post("/f/{accessToken}")
async def submit_page(request: Request, accessToken: str) -> Response:  # noqa: N803 - named on the wire
    """Take what a hosted form sends, and answer with a page."""
    try:
        workspace, named = await open_for_visitor(request, accessToken)
        form = await _open(workspace, named, accessToken)
    except NoSuchForm:
        return missing_page()
    action, questions = f"/f/{accessToken}", service.questions_of(form)
    try:
        sent = await _form_encoded(request)
    except MalformedRequest as error:
        wrong = FieldError("", "unreadable", f"{error} Please fill in the form here.")
        return form_page(form, questions, action=action, errors=[wrong], status=400)
    if sent is None:
        return unsupported_media_type(*FORM_TYPES)
    try:
        await service.submit(workspace, form, sent)
    except AnswersInvalid as error:
        return form_page(form, questions, action=action, answers=sent, errors=error.errors, status=422)
    return thanks_page(form)


async def _open(workspace: Workspace, named: PublicKey, access_token: str) -> Document:
    try:
        return await service.open_form(workspace, named, access_token)
    except FormNotFound:
        raise NoSuchForm from None


async def _sent(request: Request) -> dict[str, Any] | None:
    """Read the answers; None when they come as something we do not read."""
    if _media_type(request) == "application/json":
        try:
            sent = json.loads(await request.body(), parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise MalformedRequest from None
        if not isinstance(sent, dict):
            raise AnswersInvalid([FieldError("", "type", "is not an object of answers by field name")])
        return cast("dict[str, Any]", sent)
    return await _form_encoded(request)


def _no_number(name: str) -> None:
    """Refuse what Python takes and JSON does not know: NaN and Infinity; raises `ValueError`."""
    raise ValueError(name)


async def _form_encoded(request: Request) -> dict[str, str] | None:
    """Read the answers of an HTML form; None when they come as anything else."""
    if _media_type(request) not in FORM_TYPES:
        return None
    return read_form(request.headers["content-type"], await request.body())


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()
