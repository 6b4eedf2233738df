"""What is derived of a lead, whoever writes it: pure."""

from collections.abc import Mapping
from typing import Any, Final

from jazzaam.errors import FieldError, InvalidInput

NAMES: Final = ("firstName", "lastName", "fullName")
IDENTIFYING: Final = ("fullName", "firstName", "lastName", "email", "phone", "company", "platformUrl")
"""Of these a lead has at least one: without any, nobody could tell who it is."""


def joined_name(lead: Mapping[str, Any]) -> str:
    """Join first and last name; empty without either."""
    return " ".join(lead[name] for name in ("firstName", "lastName") if lead.get(name))


def with_full_name(changes: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of a lead with the full name that follows from them; None removes a field.

    A full name that is named stays as it is; one that is removed is made of the first and the last name.
    When one of these changes it follows them, unless it said something else than they did and they do not
    both say something now.
    """
    after = {**before, **changes}
    if changes.get("fullName") or not any(name in changes for name in NAMES):
        return changes
    if "fullName" not in changes and before.get("fullName"):
        changed = any((after.get(name) or None) != (before.get(name) or None) for name in NAMES[:2])
        followed = before["fullName"] == joined_name(before)
        if not changed or not (followed or all(after.get(name) for name in NAMES[:2])):
            return changes
    return {**changes, "fullName": joined_name(after) or None}


def require_somebody(lead: Mapping[str, Any]) -> None:
    """Go on only for a lead that says who it is; raises `InvalidInput`."""
    if not any(lead.get(name) for name in IDENTIFYING):
        needed = "needs a name, an email, a phone, a company or a platformUrl"
        raise InvalidInput([FieldError("", "nobody", needed)])
