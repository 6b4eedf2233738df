"""What accounts keep: registrations that wait for their code, and sessions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.models import Actor, ActorKind, Member
from jazzaam.control.memberships.permissions import Permission, Role
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

SESSION_LASTS: Final = timedelta(days=30)
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When somebody last proved who they are, of whom nothing says when."""

SESSIONS: Final = CollectionSpec(
    "sessions",
    indexes=(
        IndexSpec("where an account is signed in", (("accountId", 1), ("createdAt", -1))),
        IndexSpec("forgets those that have ended", (("expiresAt", 1),), expire_after=timedelta()),
    ),
    owner_key="companyId",
)

OTPS: Final = CollectionSpec("otps")
"""The original's codes; kept for adoption, never read for a login."""


class AccountType(StrEnum):
    """A `company` registers itself; a `user` waits to be invited, or starts a company later."""

    company = "company"
    user = "user"


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that can be refreshed; `seed` and `generation` give its refresh token.

    `grant_id` is the support grant of a platform admin's session in a company that is not theirs, and
    `parent_id` the session of theirs it was begun from, with which it ends. `authenticated_at` is when who
    is signed in proved who they are: with a password, a code, or at a provider.
    """

    id: ObjectId
    account_id: ObjectId
    company_id: ObjectId | None
    membership_id: ObjectId | None
    membership_version: int
    generation: int
    seed: bytes
    authenticated_at: datetime | None = None
    grant_id: ObjectId | None = None
    parent_id: ObjectId | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands in a company now."""

    membership_id: ObjectId
    version: int
    role: Role
    permissions: frozenset[Permission]
    own_leads_only: bool
    lacks_second_factor: bool
    muted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is signed in, and where; `member` is None for an account without a company.

    `role_version` is what a token must have been made with. One who `lacks_second_factor` has to set it up
    before the company lets them in. `authenticated_at` is when they last proved who they are.
    """

    session_id: str
    ends_at: datetime
    account_id: ObjectId
    member: Member | None
    role_version: int
    platform_admin: bool
    lacks_second_factor: bool
    authenticated_at: datetime

    @property
    def is_support(self) -> bool:
        """Tell a platform admin's look into a company that lets them: it reads, and opens nothing else."""
        return self.member is not None and self.member.actor.kind is ActorKind.support

    @property
    def actor(self) -> Actor:
        """Who did something, as histories keep it."""
        return self.member.actor if self.member else Actor(ActorKind.account, str(self.account_id))
