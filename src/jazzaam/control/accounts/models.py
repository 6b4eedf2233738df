"""What accounts keep: registrations that wait for their code, and sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.permissions import Permission
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

REGISTRATION_LASTS: Final = timedelta(hours=24)
CODE_LASTS: Final = timedelta(minutes=15)
CODE_TRIES: Final = 5
CODE_TRIES_A_DAY: Final = 20
SESSION_LASTS: Final = timedelta(days=30)

REGISTRATIONS: Final = CollectionSpec(
    "registrations",
    indexes=(
        IndexSpec("found by the token its registrant holds", (("tokenHash", 1),), unique=True),
        IndexSpec("those never verified", (("expiresAt", 1),)),
    ),
)
"""One row for an address (its `_id`), replaced whole by the next registration."""

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
class Registration:
    """A registration that waits for its code.

    `number` counts the codes sent; `salt` and `number` give the code (see `codes`). For an address that
    has an account already, `decoy` is true, no code is valid, and its owner was told by mail.
    """

    email: str
    account_id: ObjectId
    account_type: AccountType
    company_name: str
    password_hash: str
    salt: bytes
    number: int
    code_ends_at: datetime
    decoy: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that can be refreshed; `seed` and `generation` give its refresh token."""

    id: ObjectId
    account_id: ObjectId
    company_id: ObjectId | None
    membership_id: ObjectId | None
    membership_version: int
    generation: int
    seed: bytes


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is signed in, and where; `tenant_id` is None for an account without a company."""

    session_id: str
    account_id: str
    tenant_id: str | None
    membership_version: int
    permissions: frozenset[Permission]
