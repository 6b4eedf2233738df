"""Rows of the catalog: the tenants, and the clusters they live on."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from jazzaam.tenancy.errors import TenantNotFound

TenantId = NewType("TenantId", str)
"""A tenant's id that has been checked; `TenantNaming.parse` makes them."""


class TenantStatus(StrEnum):
    """Where a tenant is in its life. Only an *active* one can be opened."""

    provisioning = "provisioning"
    active = "active"
    suspended = "suspended"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A row of the catalog."""

    id: TenantId
    status: TenantStatus
    cluster: str
    database: str
    schema_fingerprint: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cluster:
    """A MongoDB deployment by name. `uri` holds credentials: it is never logged."""

    name: str
    uri: str


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

    def database(self, tenant_id: TenantId) -> str:
        """Name the tenant's database."""
        return self.prefix + tenant_id
