"""The rules of the dashboard."""

from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dashboard.repository import DashboardRepository
from jazzaam.crm.dashboard.schemas import Dashboard
from jazzaam.crm.workspace import Workspace


async def dashboard(workspace: Workspace) -> Dashboard:
    """Count the leads that who is at work may see; raises `Forbidden`."""
    workspace.member.require(Permission.analytics_read)
    numbers = DashboardRepository(workspace.db, of=workspace.member.leads_of)
    rows = await numbers.leads_by_status()
    total = sum(row["count"] for row in rows)
    qualified = sum(row["qualified"] for row in rows)
    return Dashboard(
        total_leads=total,
        by_status={str(row["_id"]): row["count"] for row in rows},
        qualified_leads=qualified,
        follow_ups_sent=sum(row["written"] for row in rows) + await numbers.follow_ups_sent(),
        converted_leads=sum(row["converted"] for row in rows),
        estimated_close_rate=round(100 * qualified / total, 2) if total else 0.0,
    )
