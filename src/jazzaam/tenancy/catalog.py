"""The catalog: which tenants there are, and which public keys name one.

Both are cached under the one-second rule (`tenancy.freshness`).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pymongo.errors import DuplicateKeyError

from jazzaam.logging import get_logger
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, Fields, Filter, Sort, SystemDatabase, Update
from jazzaam.tenancy.errors import TenantExists, TenantNotFound, TenantNotReady
from jazzaam.tenancy.freshness import FreshCache, Freshness, Loaded, Source
from jazzaam.tenancy.models import Credential, Tenant, TenantId, TenantStatus

log = get_logger(__name__)

SECRET_FIELD: Final = "credential.secret"  # noqa: S105 - a path
"""Where a dedicated tenant's row holds its MongoDB password, encrypted."""

TENANTS: Final = CollectionSpec(
    "tenants",
    indexes=(
        IndexSpec("the fleet, by state", (("status", 1), ("_id", 1))),
        IndexSpec("who is behind the declared schema", (("schemaFingerprint", 1), ("status", 1))),
        IndexSpec("whose schedules wait for nothing yet", (("status", 1), ("crons", 1))),
    ),
    tenant_key="_id",
    encrypted=(SECRET_FIELD,),
)
"""One row a tenant. Beside what `Tenant` shows it holds its journal: what was begun and has not ended."""

PUBLIC_KEYS: Final = CollectionSpec(
    "publickeys",
    indexes=(
        IndexSpec("a tenant's keys", (("tenantId", 1), ("state", 1))),
        IndexSpec("those never activated", (("state", 1), ("createdAt", 1))),
    ),
    tenant_key="tenantId",
)
TENANT_FIELDS: Final = {
    "status": 1,
    "cluster": 1,
    "database": 1,
    "schemaFingerprint": 1,
    "dataVersion": 1,
    "createdAt": 1,
    "credential": 1,
    "limits": 1,
    "life": 1,
}
_KEY_FIELDS: Final = {"tenantId": 1, "kind": 1, "resourceId": 1}


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
        tenant = await self.find(tenant_id)
        if tenant is None:
            raise TenantNotFound
        return tenant

    async def find(self, tenant_id: TenantId) -> Tenant | None:
        """Find a tenant, if there is one of this id."""
        return self._tenants.peek(tenant_id) or await self._tenants.get(tenant_id)

    async def add_tenant(self, tenant: Tenant, journal: Filter | None = None) -> None:
        """Write a tenant's row, with what is begun for it; raises `TenantExists`."""
        try:
            await self._system[TENANTS].insert(
                {
                    "_id": tenant.id,
                    "status": tenant.status,
                    "cluster": tenant.cluster,
                    "database": tenant.database,
                    "schemaFingerprint": tenant.schema_fingerprint,
                    "dataVersion": tenant.data_version,
                    "createdAt": tenant.created_at,
                    "limits": dict(tenant.limits),
                    "life": tenant.life,
                    **(journal or {}),
                }
            )
        except DuplicateKeyError:
            raise TenantExists from None

    async def alter(
        self,
        expecting: Filter,
        update: Update,
        *,
        within: SystemDatabase | None = None,
        sort: Sort | None = None,
    ) -> Tenant | None:
        """Change one row that is as expected, and give it as it is now; None when there is none.

        With `within` it is part of that handle's running change; `forget` it after the commit.
        """
        row = await (within or self._system)[TENANTS].find_one_and_update(
            expecting, update, TENANT_FIELDS, sort=sort
        )
        if row is None:
            return None
        self.forget(TenantId(row["_id"]))
        return tenant_of(row)

    async def set_limits(
        self, tenant_id: TenantId, limits: Mapping[str, int | None], *, within: SystemDatabase
    ) -> None:
        """Change what a tenant may use, in that handle's running change; `forget` it after the commit."""
        await self.alter({"_id": tenant_id}, {"$set": {"limits": dict(limits)}}, within=within)

    def forget(self, tenant_id: TenantId) -> None:
        """Read a tenant's row again at its next use."""
        self._tenants.forget(Source(TENANTS.name, tenant_id))

    async def remove(self, tenant: Tenant) -> bool:
        """Take the row of a tenant that is *erasing* away; safe to repeat."""
        removed = await self._system[TENANTS].delete_many(
            {"_id": tenant.id, "life": tenant.life, "status": TenantStatus.erasing}
        )
        self.forget(tenant.id)
        return removed > 0

    async def remove_lost(self, tenant: Tenant) -> bool:
        """Take the row of a tenant away whose database was lost, unless its owner is closing it."""
        life = {"_id": tenant.id, "life": tenant.life, "status": tenant.status}
        removed = await self._system[TENANTS].delete_many({**life, "closedAt": {"$exists": False}})
        self.forget(tenant.id)
        return removed > 0

    async def tenants(self, *statuses: TenantStatus, matching: Filter | None = None) -> list[Tenant]:
        """List tenants by id, in some of the `statuses` (default: in any) and `matching` a filter.

        Not cached; a row that nobody can read is left out.
        """
        filter_: Document = {"status": {"$in": list(statuses)}} if statuses else {}
        cursor = self._system[TENANTS].find(
            {**filter_, **(matching or {})}, TENANT_FIELDS, sort=[("_id", 1)]
        )
        found: list[Tenant] = []
        async for row in cursor:
            try:
                found.append(tenant_of(row))
            except (KeyError, TypeError, ValueError):
                log.warning("catalog.row_unreadable", tenant=str(row["_id"]))
        return found

    async def unreadable(self) -> list[str]:
        """List the ids of rows that nobody can read, for a person to look at."""
        found: list[str] = []
        async for row in self._system[TENANTS].find({}, TENANT_FIELDS):
            try:
                tenant_of(row)
            except (KeyError, TypeError, ValueError):
                found.append(str(row["_id"]))
        return found

    async def databases(self) -> set[str]:
        """Name the databases of all rows, also of those that nobody can read."""
        rows = self._system[TENANTS].find({}, {"database": 1})
        return {str(row.get("database")) async for row in rows}

    async def journal(self, tenant_id: TenantId, fields: Fields) -> Document | None:
        """Read of a tenant's row what `Tenant` does not show."""
        return await self._system[TENANTS].find_one({"_id": tenant_id}, fields)

    async def unplanned(self, crons: str) -> list[Tenant]:
        """List active tenants whose schedules were not planned by the declaration of this fingerprint."""
        return await self.tenants(TenantStatus.active, matching={"crons": {"$ne": crons}})

    async def plan_anew(self, tenant_id: TenantId) -> None:
        """Have a tenant's schedules planned anew: its clocks have changed."""
        await self._system[TENANTS].update_one(
            {"_id": tenant_id}, {"$unset": {"crons": ""}, "$inc": {"cronsAsked": 1}}
        )

    async def plans_asked(self, tenant_id: TenantId) -> int:
        """Count how often a tenant's schedules were to be planned anew: before its clocks are read."""
        journal = await self.journal(tenant_id, {"cronsAsked": 1})
        return (journal or {}).get("cronsAsked", 0)

    async def planned(self, tenant: Tenant, crons: str, asked: int) -> None:
        """Note by which declaration a tenant's schedules were planned, unless that was asked anew."""
        same = {"$in": [asked, None]} if asked == 0 else asked
        await self._system[TENANTS].update_one(
            {"_id": tenant.id, "life": tenant.life, "cronsAsked": same}, {"$set": {"crons": crons}}
        )

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

    async def names_already(self, key: str, names: PublicKey) -> bool:
        """Tell whether a key stands for this very thing, in whatever state."""
        row = await self._system[PUBLIC_KEYS].find_one({"_id": key}, _KEY_FIELDS)
        return row is not None and _public_key(row) == names

    async def activate_key(self, key: str, names: PublicKey) -> None:
        """Let a reserved key open what it names, and nothing but that; safe to repeat."""
        await self._system[PUBLIC_KEYS].update_one(_key(key, names), {"$set": {"state": KeyState.active}})

    async def activate_keys(self, tenant_id: TenantId) -> None:
        """Let a tenant's reserved keys open what they name; safe to repeat."""
        await self._system[PUBLIC_KEYS].update_many(
            {"tenantId": tenant_id, "state": KeyState.reserved}, {"$set": {"state": KeyState.active}}
        )

    async def release_keys(self, tenant_id: TenantId, since: datetime) -> None:
        """Take the keys away that were reserved for a tenant since a time; safe to repeat."""
        await self._system[PUBLIC_KEYS].delete_many({"tenantId": tenant_id, "createdAt": {"$gte": since}})

    async def release_key(self, key: str, names: PublicKey) -> None:
        """Take away a key that names this very thing; safe to repeat."""
        await self._system[PUBLIC_KEYS].delete_many(_key(key, names))
        self._keys.forget(Source(PUBLIC_KEYS.name, str(key)))

    async def reserved_keys(self, before: datetime) -> list[tuple[str, PublicKey]]:
        """List keys that were reserved before a time and never activated."""
        cursor = self._system[PUBLIC_KEYS].find(
            {"state": KeyState.reserved, "createdAt": {"$lt": before}}, _KEY_FIELDS
        )
        return [(row["_id"], _public_key(row)) async for row in cursor]

    async def _load_tenant(self, tenant_id: TenantId) -> Loaded[Tenant] | None:
        row = await self._system[TENANTS].find_one({"_id": tenant_id}, TENANT_FIELDS)
        try:
            return Loaded(tenant_of(row), [Source(TENANTS.name, tenant_id)]) if row else None
        except (KeyError, TypeError, ValueError):
            log.warning("catalog.row_unreadable", tenant=tenant_id)
            raise TenantNotReady("The catalog's row of this company cannot be read.") from None

    async def _load_key(self, key: str) -> Loaded[PublicKey] | None:
        row: dict[str, Any] | None = await self._system[PUBLIC_KEYS].find_one(
            {"_id": key, "state": KeyState.active}, _KEY_FIELDS
        )
        return Loaded(_public_key(row), [Source(PUBLIC_KEYS.name, key)]) if row else None


def tenant_of(row: Document) -> Tenant:
    """Read a row of the catalog; raises `KeyError`, `TypeError` or `ValueError` for one that is none."""
    credential = row.get("credential")
    return Tenant(
        id=TenantId(row["_id"]),
        status=TenantStatus(row["status"]),
        cluster=row["cluster"],
        database=row["database"],
        schema_fingerprint=row["schemaFingerprint"],
        data_version=row.get("dataVersion", 0),
        created_at=row["createdAt"],
        credential=Credential(credential["epoch"], credential["secret"]) if credential else None,
        limits=row.get("limits", {}),
        life=row.get("life"),
    )


def _key(key: str, names: PublicKey) -> Document:
    """Find a key by what it is *and* names: the text may come from a tenant's own document."""
    return {
        "_id": {"$eq": str(key)},
        "tenantId": names.tenant_id,
        "kind": names.kind,
        "resourceId": names.resource_id,
    }


def _public_key(row: Document) -> PublicKey:
    return PublicKey(TenantId(row["tenantId"]), row["kind"], row["resourceId"])
