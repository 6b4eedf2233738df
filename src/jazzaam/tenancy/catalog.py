"""The catalog: which tenants there are, and which public keys name one.

Both are cached under the one-second rule (`tenancy.freshness`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pymongo.errors import DuplicateKeyError

from jazzaam.logging import get_logger
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, SystemDatabase
from jazzaam.tenancy.errors import TenantExists, TenantNotFound
from jazzaam.tenancy.freshness import FreshCache, Freshness, Loaded, Source
from jazzaam.tenancy.models import Tenant, TenantId, TenantStatus

log = get_logger(__name__)

TENANTS: Final = CollectionSpec(
    "tenants",
    indexes=(
        IndexSpec("the fleet, by state", (("status", 1), ("_id", 1))),
        IndexSpec("who is behind the declared schema", (("schemaFingerprint", 1), ("_id", 1))),
    ),
)
PUBLIC_KEYS: Final = CollectionSpec(
    "publickeys",
    indexes=(IndexSpec("a tenant's keys, and those never activated", (("tenantId", 1), ("state", 1))),),
)
_TENANT_FIELDS: Final = {
    "status": 1,
    "cluster": 1,
    "database": 1,
    "schemaFingerprint": 1,
    "createdAt": 1,
}


class KeyState(StrEnum):
    """A public key is reserved before what it names is written, and activated after."""

    reserved = "reserved"
    active = "active"


class PublicKey(NamedTuple):
    """What a key that strangers hold stands for: a thing of one tenant."""

    tenant_id: TenantId
    kind: str
    resource_id: str


class Catalog:
    """Reads and writes the catalog; remembers at most `size` tenants and as many keys."""

    def __init__(self, system: SystemDatabase, freshness: Freshness, *, size: int = 20_000) -> None:
        self._system = system
        self._tenants = FreshCache(freshness, self._load_tenant, size=size)
        self._keys = FreshCache(freshness, self._load_key, size=size)

    async def tenant(self, tenant_id: TenantId) -> Tenant:
        """Find a tenant; raises `TenantNotFound`."""
        tenant = self._tenants.peek(tenant_id) or await self._tenants.get(tenant_id)
        if tenant is None:
            raise TenantNotFound
        return tenant

    async def add_tenant(self, tenant: Tenant) -> None:
        """Write a tenant's row; raises `TenantExists`."""
        try:
            await self._system[TENANTS].insert(
                {
                    "_id": tenant.id,
                    "status": tenant.status,
                    "cluster": tenant.cluster,
                    "database": tenant.database,
                    "schemaFingerprint": tenant.schema_fingerprint,
                    "createdAt": tenant.created_at,
                }
            )
        except DuplicateKeyError:
            raise TenantExists from None

    async def set_status(
        self, tenant_id: TenantId, status: TenantStatus, *, only_from: TenantStatus
    ) -> None:
        """Move a tenant on; raises `TenantNotFound` unless it is in `only_from`."""
        if not await self._system[TENANTS].update_one(
            {"_id": tenant_id, "status": only_from}, {"$set": {"status": status}}
        ):
            raise TenantNotFound
        self._tenants.forget(Source(TENANTS.name, tenant_id))

    async def tenants(self, status: TenantStatus | None = TenantStatus.active) -> list[Tenant]:
        """List tenants by id; `None` means in any state. Not cached; a row nobody can read is left out."""
        filter_ = {} if status is None else {"status": status}
        cursor = self._system[TENANTS].find(filter_, _TENANT_FIELDS, sort=[("_id", 1)])
        found: list[Tenant] = []
        async for row in cursor:
            try:
                found.append(_tenant(row))
            except (KeyError, ValueError):
                log.warning("catalog.row_unreadable", tenant=str(row["_id"]))
        return found

    async def key(self, key: str) -> PublicKey | None:
        """Find what an active public key names."""
        return self._keys.peek(key) or await self._keys.get(key)

    async def reserve_key(self, key: str, names: PublicKey, at: datetime) -> None:
        """Keep a key before what it names is written. Until it is activated it opens nothing."""
        await self._system[PUBLIC_KEYS].insert(
            {
                "_id": key,
                "state": KeyState.reserved,
                "tenantId": names.tenant_id,
                "kind": names.kind,
                "resourceId": names.resource_id,
                "createdAt": at,
            }
        )

    async def activate_key(self, key: str) -> None:
        """Let a reserved key open what it names; safe to repeat."""
        await self._system[PUBLIC_KEYS].update_one({"_id": key}, {"$set": {"state": KeyState.active}})

    async def release_key(self, key: str) -> None:
        """Take a key away; safe to repeat."""
        await self._system[PUBLIC_KEYS].delete_many({"_id": key})
        self._keys.forget(Source(PUBLIC_KEYS.name, key))

    async def _load_tenant(self, tenant_id: TenantId) -> Loaded[Tenant] | None:
        row = await self._system[TENANTS].find_one({"_id": tenant_id}, _TENANT_FIELDS)
        return Loaded(_tenant(row), [Source(TENANTS.name, tenant_id)]) if row else None

    async def _load_key(self, key: str) -> Loaded[PublicKey] | None:
        row: dict[str, Any] | None = await self._system[PUBLIC_KEYS].find_one(
            {"_id": key, "state": KeyState.active}, {"tenantId": 1, "kind": 1, "resourceId": 1}
        )
        if row is None:
            return None
        named = PublicKey(TenantId(row["tenantId"]), row["kind"], row["resourceId"])
        return Loaded(named, [Source(PUBLIC_KEYS.name, key)])


def _tenant(row: Document) -> Tenant:
    return Tenant(
        id=TenantId(row["_id"]),
        status=TenantStatus(row["status"]),
        cluster=row["cluster"],
        database=row["database"],
        schema_fingerprint=row["schemaFingerprint"],
        created_at=row["createdAt"],
    )
