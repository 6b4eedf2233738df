"""Bodies and answers of the team's routes."""

from datetime import datetime
from enum import StrEnum

from jazzaam.control.memberships.permissions import Role
from jazzaam.web.input import Input, Output


class AssignedLeadsType(StrEnum):
    """Which new leads a member is meant to get, where leads are assigned by that."""

    hot = "hot"
    warm = "warm"
    cold = "cold"
    new = "new"
    qualified = "qualified"


class MemberPatch(Input):
    """What to change of a member."""

    role: Role | None = None
    is_active: bool | None = None
    assigned_leads_type: AssignedLeadsType | None = None


class MemberOut(Output):
    """Who works in the company; `id` is their account's, as leads name it in `assignedTo`."""

    id: str
    email: str | None
    full_name: str
    role: str
    is_active: bool
    assigned_leads_type: str | None
    joined_at: datetime | None


class MemberList(Output):
    """Everybody, the oldest first."""

    items: list[MemberOut]
