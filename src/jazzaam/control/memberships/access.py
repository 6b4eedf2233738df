"""What a route needs of its caller, stated beside it: OpenAPI, the docs and the tests read it there.

The rules themselves ask (`Member.require`); a test calls every route with just what it states, and with
everything else, so that the statement and the rule cannot differ.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from jazzaam.control.memberships.permissions import Permission

FIELD: Final = "x-needs"
"""Where an OpenAPI operation says it."""


class Access(StrEnum):
    """What a route needs that is no permission in a company."""

    nothing = "nothing"
    """Anybody may call it."""
    session = "session"
    """Whoever is signed in, about themselves."""
    owner = "owner"
    """An owner of the company, in person."""
    form_token = "form token"  # noqa: S105 - the name of a kind
    """Whoever knows a form's public token."""
    signed_link = "signed link"
    """Whoever holds a link that we signed."""
    platform_admin = "platform admin"
    """Who runs the platform; no company."""


def credentials_needed(extra: Mapping[str, Any]) -> str | None:
    """Return what a route's `openapi_extra` says it needs of who is signed in; None for anybody's route."""
    stated = extra.get(FIELD)
    return None if stated in (Access.nothing, Access.form_token, Access.signed_link) else stated


def needs(what: Permission | Access) -> dict[str, Any]:
    """State in a route's `openapi_extra` what it needs."""
    return {FIELD: str(what)}
