"""How many people a plan allows in a company: all but one owner take a seat."""

from datetime import datetime

from bson import ObjectId

from jazzaam.control.billing.plans import LIMITS
from jazzaam.control.invitations.repository import InvitationRepository
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.limits import LimitReached, allowed_to
from jazzaam.tenancy.models import TenantId


def seats_taken(active_members: int, invited: int = 0) -> int:
    """Count seats: everybody who works there but one owner, and who is invited."""
    return max(active_members - 1, 0) + invited


async def seats_in_use(db: SystemDatabase, company_id: ObjectId, at: datetime) -> int:
    """Count a company's seats that are taken, or promised by an invitation that is open at a time."""
    working = await MembershipRepository(db, company_id).active()
    return seats_taken(working, await InvitationRepository(db, company_id).count(at))


async def require_seat(plane: ControlPlane, tenant_id: str, taken: int) -> None:
    """Go on only while a seat is free; an over-full company keeps who is there. Raises `LimitReached`."""
    spec = LIMITS["members"]
    tenant = await plane.services.tenancy.catalog.tenant(TenantId(tenant_id))
    allowed = allowed_to(tenant, spec)
    if allowed is not None and taken >= allowed:
        raise LimitReached(spec, allowed)
