"""From a session's id to who is signed in, under the one-second rule."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from bson import ObjectId

from jazzaam.clock import Clock
from jazzaam.control.accounts.models import NEVER, SESSIONS, Principal
from jazzaam.control.accounts.standing import active_account, standing_in
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.models import Actor, ActorKind, Member
from jazzaam.control.memberships.permissions import SUPPORT
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.control.support.models import SUPPORT_GRANTS
from jazzaam.control.support.repository import SupportGrantRepository
from jazzaam.tenancy.database import Document, SystemDatabase
from jazzaam.tenancy.freshness import FreshCache, Freshness, Loaded, Source


class _Place(NamedTuple):
    """A session's place in a company, or in none."""

    member: Member | None = None
    role_version: int = 0
    lacks_second_factor: bool = False


class Sessions:
    """The principals of this process's requests, at most `size` of them remembered."""

    def __init__(
        self,
        system: Callable[[], SystemDatabase],
        freshness: Freshness,
        clock: Clock,
        *,
        size: int = 20_000,
    ) -> None:
        self._system = system
        self._clock = clock
        self._principals = FreshCache(freshness, self._load, size=size)

    async def principal(self, session_id: str) -> Principal | None:
        """Give who a session is; None when it, its account or its membership has ended."""
        return self._principals.peek(session_id) or await self._principals.get(session_id)

    async def _load(self, session_id: str) -> Loaded[Principal] | None:
        db = self._system()
        row = await SessionRepository(db).find(ObjectId(session_id), self._clock.now())
        account = await active_account(db, row["accountId"]) if row else None
        if row is None or account is None:
            return None
        place = await _place_of(db, row, account, self._clock.now())
        if place is None:
            return None
        principal = Principal(
            session_id=session_id,
            ends_at=row["expiresAt"],
            account_id=row["accountId"],
            member=place.value.member,
            role_version=place.value.role_version,
            platform_admin=account.get("platformAdmin") is True and row.get("grantId") is None,
            lacks_second_factor=place.value.lacks_second_factor,
            authenticated_at=row.get("authenticatedAt") or NEVER,
        )
        own = [Source(SESSIONS.name, row["_id"]), Source(COMPANIES.name, row["accountId"])]
        return Loaded(principal, [*own, *place.sources])


async def _place_of(
    db: SystemDatabase, session: Document, account: Document, at: datetime
) -> Loaded[_Place] | None:
    """Read a session's place; None when it has lost it."""
    if session.get("grantId") is not None:
        return await _granted_place(db, session, account, at)
    if session["membershipId"] is None:
        return Loaded(_Place(), [])
    standing = await standing_in(db, account, session["companyId"])
    if standing is None or standing.value.membership_id != session["membershipId"]:
        return None
    found = standing.value
    member = Member(
        Actor(ActorKind.account, str(session["accountId"])),
        str(session["companyId"]),
        found.permissions,
        role=found.role,
        account_id=session["accountId"],
        own_leads_only=found.own_leads_only,
        muted=found.muted,
    )
    return Loaded(_Place(member, found.version, found.lacks_second_factor), standing.sources)


async def _granted_place(
    db: SystemDatabase, session: Document, account: Document, at: datetime
) -> Loaded[_Place] | None:
    """Read the place of a platform admin whom the company lets look."""
    grant = await SupportGrantRepository(db, session["companyId"]).find(session["grantId"], at)
    if grant is None or account.get("platformAdmin") is not True:
        return None
    actor = Actor(ActorKind.support, str(session["accountId"]))
    member = Member(actor, str(session["companyId"]), SUPPORT, account_id=session["accountId"])
    return Loaded(_Place(member), [Source(SUPPORT_GRANTS.name, grant.id)])
