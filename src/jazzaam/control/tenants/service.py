"""The rules of looking at the fleet: for who runs the platform, and never into a company."""

from jazzaam.control.plane import ControlPlane
from jazzaam.control.tenants.errors import CompanyUnknown
from jazzaam.control.tenants.repository import FleetRepository
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.models import TenantStatus, Tier


async def list_tenants(
    plane: ControlPlane, status: TenantStatus | None, limit: int, cursor: str | None
) -> tuple[list[Document], str | None]:
    """Read a page of companies, the newest first; raises `InvalidInput` for a strange cursor."""
    cursors, scope = plane.services.cursors, ["", "tenants", status or ""]
    position = cursors.read(scope, cursor)
    fleet = FleetRepository(plane.db)
    rows, last = await fleet.page(status, limit, position)
    about = await fleet.about([row["_id"] for row in rows])
    shown = [_shown(row, about.get(row["_id"], {})) for row in rows]
    return shown, cursors.write(scope, last)


async def get_tenant(plane: ControlPlane, company_id: str) -> Document:
    """Read one company; raises `CompanyUnknown`."""
    fleet = FleetRepository(plane.db)
    row = await fleet.get(company_id)
    if row is None:
        raise CompanyUnknown
    return _shown(row, (await fleet.about([company_id])).get(company_id, {}))


def _shown(row: Document, company: Document) -> Document:
    return {
        "id": row["_id"],
        "companyName": company.get("companyName") or "",
        "status": row["status"],
        "tier": Tier.dedicated if row.get("credential") else Tier.shared,
        "cluster": row["cluster"],
        "subscriptionPlan": company.get("subscriptionPlan") or "free",
        "createdAt": row["createdAt"],
        "eraseAfter": row.get("eraseAfter"),
    }
