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

    A full name that is named stays as it is. Else it follows the first and the last name whenever one of
    them changes, and takes their place when it is removed.
    """
    if changes.get("fullName") or not any(name in changes for name in NAMES):
        return changes
    return {**changes, "fullName": joined_name({**before, **changes}) or None}


def require_somebody(lead: Mapping[str, Any]) -> None:
    """Go on only for a lead that says who it is; raises `InvalidInput`."""
    if not any(lead.get(name) for name in IDENTIFYING):
        needed = "needs a name, an email, a phone, a company or a platformUrl"
        raise InvalidInput([FieldError("", "nobody", needed)])
