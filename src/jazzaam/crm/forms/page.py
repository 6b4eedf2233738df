"""The hosted form as a page: plain HTML, no script, nothing from elsewhere, no cookie."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from jazzaam.crm.forms.answers import Question
from jazzaam.crm.forms.schemas import FormStyling
from jazzaam.errors import FieldError
from jazzaam.tenancy.database import Document

_TEMPLATES: Final = Environment(
    loader=PackageLoader("jazzaam.crm.forms"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
INPUT_TYPES: Final = {"email", "tel", "url", "number", "date"}


def form_page(
    form: Document,
    questions: Sequence[Question],
    *,
    action: str,
    answers: Mapping[str, str] | None = None,
    errors: Sequence[FieldError] = (),
    status: int = 200,
) -> HTMLResponse:
    """Show a form, with what was typed and what is wrong with it."""
    fields: dict[str, Document] = {field["name"]: field for field in form["config"]["fields"]}
    shown = [
        {
            "question": question,
            "input_type": question.type if question.type in INPUT_TYPES else "text",
            "placeholder": fields[question.name].get("placeholder") or "",
            "help": fields[question.name].get("help") or "",
            "value": (answers or {}).get(question.name, ""),
            "error": next((error.message for error in errors if error.pointer == f"/{question.name}"), ""),
        }
        for question in questions
    ]
    places = {f"/{question.name}" for question in questions}
    other = [f"{error.pointer[1:]} {error.message}" for error in errors if error.pointer not in places]
    return _page(form, "form.html", status, action=action, fields=shown, other_errors=other)


def thanks_page(form: Document) -> HTMLResponse:
    """Say thank you: the same words for a new person and a known one."""
    words: dict[str, Any] = form["config"].get("settings") or {}
    return _page(
        form,
        "thanks.html",
        200,
        message=words.get("successMessage") or "Thank you.",
        redirect_url=words.get("redirectUrl"),
    )


def missing_page() -> HTMLResponse:
    """Say that there is no form at this address."""
    return _answer(_TEMPLATES.get_template("missing.html"), 404, {"style": FormStyling(), "title": ""})


def _page(form: Document, template: str, status: int, **values: Any) -> HTMLResponse:
    words: dict[str, Any] = form["config"].get("settings") or {}
    common = {
        "style": _style(form.get("styling") or {}),
        "title": words.get("title") or form.get("name") or "",
        "button": words.get("submitButtonText") or "Send",
    }
    return _answer(_TEMPLATES.get_template(template), status, {**common, **values})


def _style(stored: Document) -> FormStyling:
    """Read the stored style by its grammar; what does not fit it is not shown."""
    try:
        return FormStyling.model_validate(stored)
    except ValueError:
        return FormStyling()


def _answer(template: Any, status: int, values: Mapping[str, Any]) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors *; sandbox allow-forms allow-popups allow-top-navigation-by-user-activation"
    )
    return HTMLResponse(
        template.render(nonce=nonce, **values),
        status,
        {"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )
