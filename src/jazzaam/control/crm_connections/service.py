"""The rules of connections to other CRMs: those that were adopted are shown, and do nothing yet."""

from typing import Any, cast

from jazzaam.control.crm_connections.repository import ConnectionRepository
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.database import Document


async def list_connections(plane: ControlPlane, member: Member) -> list[Document]:
    """List the company's connections; raises `Forbidden`."""
    member.require(Permission.crm_read)
    return [_shown(row) for row in await ConnectionRepository(plane.db, member.company_id).all()]


def _shown(row: Document) -> Document:
    account, settings, stats = (_part(row, name) for name in ("accountInfo", "settings", "stats"))
    return {
        "id": row["_id"],
        "provider": row["provider"],
        "status": row.get("status") or "inactive",
        "accountName": account.get("accountName"),
        "accountEmail": account.get("accountEmail"),
        "accountDomain": account.get("accountDomain"),
        "syncDirection": settings.get("syncDirection"),
        "lastSyncAt": _part(settings, "autoSync").get("lastSyncAt"),
        "lastSyncStatus": stats.get("lastSyncStatus"),
        "totalLeadsSynced": stats.get("totalLeadsSynced") or 0,
        "createdAt": row.get("createdAt"),
        "updatedAt": row.get("updatedAt"),
    }


def _part(row: Document, name: str) -> dict[str, Any]:
    found: object = row.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
