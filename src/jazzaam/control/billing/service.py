"""The rules of bills: read alone, until payments exist."""

from jazzaam.control.billing.repository import BillingRepository
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.database import Document


async def billing_history(
    plane: ControlPlane, member: Member, limit: int, cursor: str | None
) -> tuple[list[Document], str | None]:
    """Read a page of the company's bills, the newest first; raises `Forbidden`, `InvalidInput`."""
    member.require(Permission.billing_read)
    cursors, scope = plane.services.cursors, [member.tenant_id, "billinghistories"]
    position = cursors.read(scope, cursor)
    rows, last = await BillingRepository(plane.db, member.company_id).page(limit, position)
    return [_shown(row) for row in rows], cursors.write(scope, last)


def _shown(row: Document) -> Document:
    return {
        "id": row["_id"],
        "subscriptionPlan": row.get("susbscritionPlan") or "free",
        "status": row.get("status"),
        "month": row.get("month"),
        "amount": row.get("amount") or 0,
        "createdAt": row.get("createdAt"),
    }
