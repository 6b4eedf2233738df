"""The rules of the dashboard."""

from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dashboard.repository import DashboardRepository
from jazzaam.crm.dashboard.schemas import Dashboard
from jazzaam.crm.leads.models import LeadStatus
from jazzaam.crm.workspace import Workspace


async def dashboard(workspace: Workspace) -> Dashboard:
    """Count the leads that who is at work may see; raises `Forbidden`."""
    workspace.member.require(Permission.analytics_read)
    numbers = DashboardRepository(workspace.db, of=workspace.member.leads_of)
    rows = await numbers.leads_by_status()
    by_status = {str(row["_id"]): row["count"] for row in rows}
    total, qualified, converted = (
        sum(row[name] for row in rows) for name in ("count", "qualified", "converted")
    )
    return Dashboard(
        total_leads=total,
        by_status=by_status,
        hot_leads=by_status.get(LeadStatus.hot, 0),
        warm_leads=by_status.get(LeadStatus.warm, 0),
        cold_leads=by_status.get(LeadStatus.cold, 0),
        qualified_leads=qualified,
        follow_ups_sent=sum(row["written"] for row in rows) + await numbers.follow_ups_sent(),
        converted_leads=converted,
        qualified_rate=_percent(qualified, total),
        close_rate=_percent(converted, converted + by_status.get(LeadStatus.lost, 0)),
    )


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
