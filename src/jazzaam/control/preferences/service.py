"""The rules of a member's preferences: their own, in the company of their session."""

from collections.abc import Mapping

from bson import ObjectId

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.control.preferences.models import NotificationKind
from jazzaam.errors import Forbidden


async def preferences(plane: ControlPlane, member: Member) -> dict[str, bool]:
    """Say which kinds are shown, by name; raises `Forbidden` for who does not work there."""
    membership = await _team(plane, member).of(_account_of(member))
    muted = membership.muted if membership else frozenset[str]()
    return {kind: kind not in muted for kind in NotificationKind}


async def change_preferences(
    plane: ControlPlane, member: Member, shown: Mapping[str, bool]
) -> dict[str, bool]:
    """Show kinds, or show them no more; raises `Forbidden` for who does not work there."""
    account_id = _account_of(member)

    async def work() -> None:
        await _team(plane, member).mute(account_id, shown, plane.clock.now())
        plane.audit(Action.update, Resource.preferences, account_id, by=member, values=shown)

    await plane.change(work)
    return await preferences(plane, member)


def _team(plane: ControlPlane, member: Member) -> MembershipRepository:
    return MembershipRepository(plane.db, member.company_id)


def _account_of(member: Member) -> ObjectId:
    if member.role is None or member.account_id is None:
        raise Forbidden("Only who works in the company has preferences there.")
    return member.account_id
