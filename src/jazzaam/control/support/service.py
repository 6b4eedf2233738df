"""The rules of support access: an owner lets who runs the platform look, for some hours."""

import secrets
from datetime import timedelta

from bson import ObjectId

from jazzaam.control.accounts.models import Principal, Session
from jazzaam.control.accounts.opening import TokenPair, proved_by_session, tokens_of
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.models import Actor, ActorKind, Member
from jazzaam.control.plane import ControlPlane
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.control.support.errors import NotGranted, SupportGrantNotFound
from jazzaam.control.support.repository import SupportGrantRepository
from jazzaam.tenancy.database import Document


async def list_grants(plane: ControlPlane, member: Member) -> list[Document]:
    """List the company's grants, also those that are over; raises `Forbidden`."""
    member.require_owner()
    return await SupportGrantRepository(plane.db, member.company_id).all()


async def grant(plane: ControlPlane, member: Member, reason: str, lasts: timedelta) -> Document:
    """Let platform admins look into the company for a while; raises `Forbidden`."""
    member.require_owner()
    now = plane.clock.now()
    row: Document = {
        "_id": ObjectId(),
        "reason": reason,
        "grantedBy": member.account_id,
        "createdAt": now,
        "endsAt": now + lasts,
    }

    async def work() -> ObjectId:
        await SupportGrantRepository(plane.db, member.company_id).add(row)
        values = {"reason": reason, "endsAt": row["endsAt"]}
        plane.audit(Action.create, Resource.support_grant, row["_id"], by=member, values=values)
        grant_id: ObjectId = row["_id"]
        return grant_id

    return {**row, "_id": await plane.change(work)}


async def end_grant(plane: ControlPlane, member: Member, grant_id: ObjectId) -> None:
    """End a grant: whoever looks is refused within a second. Raises `Forbidden`, `SupportGrantNotFound`."""
    member.require_owner()

    async def work() -> None:
        grants = SupportGrantRepository(plane.db, member.company_id)
        if not await grants.end(grant_id, plane.clock.now()):
            raise SupportGrantNotFound
        plane.audit(Action.delete, Resource.support_grant, grant_id, by=member)

    await plane.change(work)


async def enter(plane: ControlPlane, admin: Principal, company_id: ObjectId) -> TokenPair:
    """Begin a session that looks into a company; raises `NotGranted`.

    It ends with the grant, and with the session of the admin that it is begun from. The company's own audit
    log tells of it.
    """
    now = plane.clock.now()
    running = await SupportGrantRepository(plane.db, company_id).running(now)
    if running is None:
        raise NotGranted
    session = Session(
        id=ObjectId(),
        account_id=admin.account_id,
        company_id=company_id,
        membership_id=None,
        membership_version=0,
        generation=1,
        seed=secrets.token_bytes(16),
        grant_id=running.id,
        parent_id=ObjectId(admin.session_id),
    )

    async def work() -> None:
        await proved_by_session(plane, admin)
        await SessionRepository(plane.db).add(session, plane.origin_of(), now, running.ends_at)
        plane.audit(
            Action.login,
            Resource.session,
            session.id,
            by=Actor(ActorKind.support, str(admin.account_id)),
            company=company_id,
            values={"grantId": str(running.id)},
        )

    await plane.change(work)
    return tokens_of(plane, session)
