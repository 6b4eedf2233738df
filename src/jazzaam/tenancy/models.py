"""Rows of the catalog: the tenants, where each lives, and as whom it signs in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from bson import ObjectId

from jazzaam.errors import InvalidInput
from jazzaam.tenancy.errors import TenantNotFound

TenantId = NewType("TenantId", str)
"""A tenant's id that has been checked; `TenantNaming.parse` makes them."""


class TenantStatus(StrEnum):
    """Where a tenant is in its life. Only an *active* one can be opened.

    *provisioning* → *ready* (built ahead of time) → *claimed* (by a sign-up that is being finished)
    → *active* ⇄ *suspended* → *erasing* → gone; *importing* → *active*.
    """

    provisioning = "provisioning"
    ready = "ready"
    claimed = "claimed"
    importing = "importing"
    active = "active"
    suspended = "suspended"
    erasing = "erasing"


class Tier(StrEnum):
    """A *shared* tenant is reached as the cluster's user, a *dedicated* one as a user of its own."""

    shared = "shared"
    dedicated = "dedicated"


@dataclass(frozen=True, slots=True)
class Credential:
    """A dedicated tenant's MongoDB user: its `epoch` counts rotations, `secret` is encrypted."""

    epoch: int
    secret: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A row of the catalog.

    `data_version` is the number of the last data migration it has had, `limits` what it may use, by name.
    `life` tells it from an earlier tenant of the same id.
    """

    id: TenantId
    status: TenantStatus
    cluster: str
    database: str
    schema_fingerprint: str
    data_version: int
    created_at: datetime
    credential: Credential | None = None
    limits: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    life: ObjectId | None = None

    @property
    def tier(self) -> Tier:
        """Tell who enforces its isolation: our code alone, or the database server too."""
        return Tier.shared if self.credential is None else Tier.dedicated


@dataclass(frozen=True, slots=True)
class TenantNaming:
    """How tenants and databases are named; the application says it, the core is told.

    `pattern` must match a whole id. A database name is `prefix` + id, at most 63 bytes (MongoDB), and
    names differ by more than case, so the pattern should admit one case only.
    """

    prefix: str
    system: str
    pattern: str

    def parse(self, text: str) -> TenantId:
        """Check an id; raises `TenantNotFound` for anything else, as for an unknown tenant."""
        if re.fullmatch(self.pattern, text) is None:
            raise TenantNotFound
        return TenantId(text)

    def require(self, text: str) -> TenantId:
        """Check an id that an operator typed; raises `InvalidInput` that shows it."""
        try:
            return self.parse(text)
        except TenantNotFound:
            raise InvalidInput([], f"{text[:60]!r} is not a company's id.") from None

    def database(self, tenant_id: TenantId) -> str:
        """Name the tenant's database."""
        return self.prefix + tenant_id
