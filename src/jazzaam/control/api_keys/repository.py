"""Every query on API keys."""

from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from jazzaam.control.api_keys.models import API_KEYS, ApiKey
from jazzaam.control.memberships.permissions import Permission
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase

USED_EVERY: Final = timedelta(minutes=1)
"""How often a key's last use is written at most."""
_KNOWN: Final = {"companyId": 1, "createdBy": 1, "scopes": 1, "expiresAt": 1}
_SHOWN: Final = {
    "name": 1,
    "prefix": 1,
    "scopes": 1,
    "createdBy": 1,
    "createdAt": 1,
    "expiresAt": 1,
    "lastUsedAt": 1,
}


class ApiKeyRepository:
    """The keys of one company."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId) -> None:
        self._rows = CompanyScope(db, company_id)[API_KEYS]

    async def all(self) -> list[Document]:
        """List the keys, the newest first."""
        return await self._rows.find({}, _SHOWN, sort=[("_id", -1)]).to_list()

    async def find(self, key_id: ObjectId, at: datetime) -> ApiKey | None:
        """Find a key that has not expired."""
        row = await self._rows.find_one({"_id": key_id}, _KNOWN)
        key = _key(row) if row else None
        return None if key is None or (key.expires_at or at) < at else key

    async def count(self) -> int:
        """Count the keys."""
        return await self._rows.count({})

    async def add(self, row: Document) -> None:
        """Write a key."""
        await self._rows.insert(row)

    async def remove(self, key_id: ObjectId) -> bool:
        """Take a key away; False when there is none."""
        return await self._rows.delete_many({"_id": key_id}) > 0

    async def remove_made_by(self, account_id: ObjectId) -> None:
        """Take away the keys that an account made."""
        await self._rows.delete_many({"createdBy": account_id})

    async def note_use(self, key_id: ObjectId, at: datetime) -> None:
        """Keep when a key was last used, unless that was written within a minute."""
        stale = {"$or": [{"lastUsedAt": None}, {"lastUsedAt": {"$lt": at - USED_EVERY}}]}
        await self._rows.update_one({"_id": key_id, **stale}, {"$set": {"lastUsedAt": at}})


async def key_by_hash(db: SystemDatabase, digest: bytes) -> ApiKey | None:
    """Find a key by its hash: only then is its company known."""
    row = await db.unscoped(API_KEYS, "a key's hash").find_one({"hash": digest}, _KNOWN)
    return _key(row) if row else None


async def remove_keys_made_by(db: SystemDatabase, account_id: ObjectId) -> None:
    """Take away every key that an account made, in all its companies."""
    rows = db.unscoped(API_KEYS, "keys of an account that starts anew")
    await rows.delete_many({"createdBy": account_id})


def _key(row: Document) -> ApiKey:
    return ApiKey(
        id=row["_id"],
        company_id=row["companyId"],
        created_by=row["createdBy"],
        scopes=frozenset(Permission(scope) for scope in row["scopes"] if scope in set(Permission)),
        expires_at=row.get("expiresAt"),
    )
