"""What a visitor answered, held against the form's questions: pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from jazzaam.crm.forms.models import FieldType
from jazzaam.errors import FieldError
from jazzaam.lines import on_one_line

MAXIMUM_OTHER_FIELDS: Final = 32
MAXIMUM_OTHER_BYTES: Final = 16_000
"""What a submission keeps, names and values together, of fields that its form did not ask for."""
MAXIMUM_VALUE_BYTES: Final = 4_000
_MAXIMUM_SHORT: Final = 200
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()./-]{4,24}")
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}([.,]\d{1,6})?")
_NAME: Final = re.compile(r"[^\x00-\x1f$.][^\x00-\x1f.]{0,99}")
_CHECKED: Final = frozenset({"on", "true", "1", "yes"})


@dataclass(frozen=True, slots=True)
class Question:
    """A field of a stored form."""

    name: str
    type: str
    label: str
    required: bool
    options: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was sent: `raw` as it came, `valid` by question, and what is wrong.

    `dropped` counts the fields nobody asked for that were cut or left out.
    """

    raw: dict[str, str]
    valid: dict[str, str]
    errors: list[FieldError]
    dropped: int


def read_answers(questions: Sequence[Question], sent: Mapping[str, Any]) -> Answers:
    """Check what was sent against the questions.

    Fields nobody asked for are kept in `raw` as far as they fit: at most 32, of at most 4 kB each and 16 kB
    together. The rest of them is cut or left out, since whoever fills in a form cannot mend a hidden field.
    """
    raw, errors = _asked(questions, sent)
    others, dropped = _others(questions, sent)
    valid: dict[str, str] = {}
    for question in questions:
        value = raw.get(question.name, "").strip()
        if question.type != FieldType.textarea:
            value = on_one_line(value)
        if not value:
            if question.required:
                errors.append(_error(question.name, "required", "is required"))
            continue
        complaint = _COMPLAINTS.get(question.type, _short)(question, value)
        if complaint is not None:
            errors.append(_error(question.name, "invalid", complaint))
        else:
            valid[question.name] = value
    return Answers({**raw, **others}, valid, errors, dropped)


def _asked(
    questions: Sequence[Question], sent: Mapping[str, Any]
) -> tuple[dict[str, str], list[FieldError]]:
    """Return the answers that are texts, and what is wrong with the others."""
    raw: dict[str, str] = {}
    errors: list[FieldError] = []
    for name in (question.name for question in questions if question.name in sent):
        text = _text(sent[name])
        if text is None:
            errors.append(_error(name, "type", "is not a text, a number or true or false"))
        elif len(text.encode(errors="replace")) > MAXIMUM_VALUE_BYTES:
            errors.append(_error(name, "too_long", f"is longer than {MAXIMUM_VALUE_BYTES} bytes"))
        elif not _is_storable(text):
            errors.append(_error(name, "characters", "has characters that are not text"))
        else:
            raw[name] = text
    return raw, errors


def _others(questions: Sequence[Question], sent: Mapping[str, Any]) -> tuple[dict[str, str], int]:
    """Return the fields nobody asked for that fit, in the order they came, and how many did not."""
    kept: dict[str, str] = {}
    left, dropped = MAXIMUM_OTHER_BYTES, 0
    asked = {question.name for question in questions}
    for name in (name for name in sent if name not in asked):
        text = _text(sent[name])
        good = text is not None and _is_storable(text) and _is_storable(name) and _NAME.fullmatch(name)
        room = min(MAXIMUM_VALUE_BYTES, left - len(name.encode(errors="replace")))
        if text is None or not good or room < 1 or len(kept) == MAXIMUM_OTHER_FIELDS:
            dropped += 1
            continue
        cut = text.encode()[:room].decode(errors="ignore")
        dropped += cut != text
        kept[name] = cut
        left -= len(name.encode()) + len(cut.encode())
    return kept, dropped


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    return "" if value is None else None


def _is_storable(text: str) -> bool:
    """Refuse null bytes, and halves of characters that no UTF-8 can hold."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _error(name: str, code: str, message: str) -> FieldError:
    shown = name[:100].encode(errors="replace").decode()
    return FieldError("/" + shown.replace("~", "~0").replace("/", "~1"), code, message)


def _short(_question: Question, value: str) -> str | None:
    too_long = len(value) > _MAXIMUM_SHORT
    return f"is longer than {_MAXIMUM_SHORT} characters" if too_long else None


def _email(_question: Question, value: str) -> str | None:
    try:
        validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return "is not an e-mail address"
    return None


def _tel(_question: Question, value: str) -> str | None:
    return None if _PHONE.fullmatch(value) else "is not a telephone number"


def _url(_question: Question, value: str) -> str | None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    return None if good else "is not an address like https://example.com"


def _number(_question: Question, value: str) -> str | None:
    return None if _NUMBER.fullmatch(value) else "is not a number"


def _select(question: Question, value: str) -> str | None:
    return None if value in question.options else "is none of the choices"


def _checkbox(question: Question, value: str) -> str | None:
    checked = value.lower() in _CHECKED
    return "is required" if question.required and not checked else None


def _date(_question: Question, value: str) -> str | None:
    try:
        date.fromisoformat(value)
    except ValueError:
        return "is not a date like 2026-11-24"
    return None


def _any(_question: Question, _value: str) -> str | None:
    return None


_COMPLAINTS: Final[Mapping[str, Callable[[Question, str], str | None]]] = {
    FieldType.textarea: _any,
    FieldType.email: _email,
    FieldType.tel: _tel,
    FieldType.url: _url,
    FieldType.number: _number,
    FieldType.select: _select,
    FieldType.checkbox: _checkbox,
    FieldType.date: _date,
}
