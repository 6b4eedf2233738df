"""The rules of reading the audit log."""

from typing import Any

from jazzaam.control.audit.repository import AuditRepository, Wanted
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.database import Document


async def list_entries(
    plane: ControlPlane, member: Member, wanted: Wanted, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Read a page of the company's log, newest first.

    Raises `Forbidden`, or `InvalidInput` for a cursor of another list or another company.
    """
    member.require(Permission.settings_write)
    cursors = plane.services.cursors
    scope = [member.tenant_id, "auditlogs", *wanted.identity]
    position = cursors.read(scope, cursor)
    rows, last = await AuditRepository(plane.db, member.company_id).page(wanted, limit, position)
    return {
        "items": [_shown(row) for row in rows],
        "next": cursors.write(scope, last),
    }


def _shown(row: Document) -> Document:
    personal: Document = row.pop("personal", None) or {}
    named = {name: personal.get(name) for name in ("ipAddress", "userAgent", "values")}
    return {**row, **named}
