"""The encryption keys in use: a canary for each, so that a lost key is named at start; rotated, forgotten.

A canary is a known text encrypted with a key. A process that finds one whose key it was not given refuses
to start: it could not read what that key encrypted, and would say so at the worst moment.

What is encrypted is declared (`CollectionSpec.encrypted`): rotating and forgetting walk the declarations,
in the shared database and in every tenant's.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from jazzaam.encryption import KEY_FIELD, Cipher, Place, Undecryptable
from jazzaam.errors import ConfigurationError
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.database import BoundCollection, Document, SystemDatabase, TenantDatabase

ENCRYPTION_KEYS: Final = CollectionSpec("encryptionkeys")
"""{_id: key id, canary: ciphertext, createdAt}."""

_CANARY: Final = b"sings"
ENCRYPTED_REASON: Final = "encrypted fields of every company"


class Key(NamedTuple):
    """Which ciphertexts are meant: those of one key, or with `all_others` those of every other."""

    id: str
    all_others: bool = False


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """One ciphertext: the row it stands in, the place it belongs to, and what is stored."""

    rows: BoundCollection
    row_id: Any
    place: Place
    stored: Mapping[str, Any]

    @property
    def key_id(self) -> str:
        """Name the key it was encrypted with."""
        return str(self.stored[KEY_FIELD])

    def __str__(self) -> str:
        """Name it, without what it holds."""
        of = f" of {self.place.tenant}" if self.place.tenant else ""
        return f"{self.place.collection}.{self.place.field}{of} (row {self.place.row})"

    async def re_encrypt(self, cipher: Cipher) -> bool:
        """Encrypt it with the newest key; False when it was changed meanwhile. Raises `Undecryptable`."""
        anew = cipher.encrypt(cipher.decrypt(self.stored, self.place), self.place)
        return await self._if_unchanged({"$set": {self.place.field: anew}})

    async def remove(self) -> bool:
        """Take it away; False when it was changed meanwhile."""
        return await self._if_unchanged({"$unset": {self.place.field: ""}})

    async def _if_unchanged(self, update: Document) -> bool:
        same = {"_id": self.row_id, f"{self.place.field}.c": self.stored["c"]}
        return await self.rows.update_one(same, update)


async def require_keys(system: SystemDatabase, cipher: Cipher, at: datetime) -> None:
    """Refuse to start without a key that is in use, and write the newest one's canary.

    Raises `ConfigurationError`, in one line that names the keys that are missing.
    """
    rows = [row async for row in system[ENCRYPTION_KEYS].find({}, {"canary": 1})]
    missing = sorted(row["_id"] for row in rows if row["_id"] not in cipher.key_ids)
    if missing:
        raise ConfigurationError(
            f"JAZZAAM_ENCRYPTION_KEYS lacks the key {', '.join(missing)}: add it, "
            f"or give up what it encrypted with `jazzaam keys forget {missing[0]}`."
        )
    for row in rows:
        try:
            cipher.decrypt(row["canary"], _place(row["_id"]))
        except Undecryptable:
            raise ConfigurationError(
                f"JAZZAAM_ENCRYPTION_KEYS: the key {row['_id']} is not the one that encrypted."
            ) from None
    await keep_canary(system, cipher, at)


async def keep_canary(system: SystemDatabase, cipher: Cipher, at: datetime) -> None:
    """Write the canary of the key that encrypts, before it does; safe to repeat."""
    await system[ENCRYPTION_KEYS].update_one(
        {"_id": cipher.current_id},
        {
            "$setOnInsert": {
                "canary": cipher.encrypt(_CANARY, _place(cipher.current_id)),
                "createdAt": at,
            }
        },
        upsert=True,
    )


async def known_keys(system: SystemDatabase) -> dict[str, datetime]:
    """List the keys that have a canary, with the time each was first used."""
    rows = system[ENCRYPTION_KEYS].find({}, {"createdAt": 1}, sort=[("createdAt", 1)])
    return {row["_id"]: row["createdAt"] async for row in rows}


async def forget_canary(system: SystemDatabase, key_id: str) -> None:
    """Let processes start without a key; safe to repeat."""
    await system[ENCRYPTION_KEYS].delete_many({"_id": key_id})


async def in_system(
    system: SystemDatabase, collections: Sequence[CollectionSpec], key: Key
) -> AsyncGenerator[Ciphertext]:
    """Yield the shared database's ciphertexts of a key, or of all others."""
    for spec in collections:
        rows = system[spec] if spec.owner_key is None else system.unscoped(spec, ENCRYPTED_REASON)
        owner = spec.owner_key or spec.tenant_key
        async for one in _of(rows, spec, key, owner, ""):
            yield one


async def in_tenant(
    db: TenantDatabase, collections: Sequence[CollectionSpec], key: Key
) -> AsyncGenerator[Ciphertext]:
    """Yield a tenant's ciphertexts of a key, or of all others."""
    for spec in collections:
        async for one in _of(db[spec], spec, key, None, db.tenant.id):
            yield one


async def _of(
    rows: BoundCollection, spec: CollectionSpec, key: Key, owner: str | None, tenant: str
) -> AsyncGenerator[Ciphertext]:
    asked = key.id if not key.all_others else {"$ne": key.id, "$exists": True}
    for field in spec.encrypted:
        shown = {field: 1} if owner is None else {field: 1, owner: 1}
        async for row in rows.find({f"{field}.{KEY_FIELD}": asked}, shown):
            whose = tenant if owner is None else str(row[owner])
            yield Ciphertext(rows, row["_id"], spec.place(whose, row["_id"], field), _at(row, field))


def _at(row: Document, path: str) -> Any:
    found: Any = row
    for part in path.split("."):
        found = found[part]
    return found


def _place(key_id: str) -> Place:
    return Place("", ENCRYPTION_KEYS.name, key_id, "canary")
