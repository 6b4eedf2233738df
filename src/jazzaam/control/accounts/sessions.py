"""From a session's id to who is signed in, under the one-second rule."""

from bson import ObjectId

from jazzaam.clock import Clock
from jazzaam.control.accounts.models import SESSIONS, Principal
from jazzaam.control.accounts.repository import SessionRepository
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.control.memberships.permissions import PERMISSIONS, Permission, Role
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.freshness import FreshCache, Freshness, Loaded, Source


class Sessions:
    """The principals of this process's requests, at most `size` of them remembered."""

    def __init__(
        self, system: SystemDatabase, freshness: Freshness, clock: Clock, *, size: int = 20_000
    ) -> None:
        self._rows = SessionRepository(system)
        self._clock = clock
        self._principals = FreshCache(freshness, self._load, size=size)

    async def principal(self, session_id: str) -> Principal | None:
        """Give who a session is; None when it, its account or its membership has ended."""
        return self._principals.peek(session_id) or await self._principals.get(session_id)

    async def _load(self, session_id: str) -> Loaded[Principal] | None:
        row = await self._rows.find(ObjectId(session_id), self._clock.now())
        if row is None or not await self._rows.account_is_active(row["accountId"]):
            return None
        sources = [Source(SESSIONS.name, row["_id"]), Source(COMPANIES.name, row["accountId"])]
        tenant_id, version, permissions = None, 0, frozenset[Permission]()
        if row["membershipId"] is not None:
            membership = await self._rows.membership(row["membershipId"])
            if membership is None:
                return None
            sources.append(Source(MEMBERSHIPS.name, membership.id))
            tenant_id, version = str(membership.company_id), membership.version
            permissions = PERMISSIONS[Role(membership.role)]
        principal = Principal(session_id, str(row["accountId"]), tenant_id, version, permissions)
        return Loaded(principal, sources)
