"""The encryption keys in use: a canary for each, so that a lost key is named at start; rotated, forgotten.

A canary is a known text encrypted with a key. A process that finds one whose key it was not given refuses
to start: it could not read what that key encrypted, and would say so at the worst moment.
"""

from datetime import datetime
from typing import Final

from jazzaam.encryption import Cipher, Place, Undecryptable
from jazzaam.errors import ConfigurationError
from jazzaam.logging import get_logger
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.database import SystemDatabase

log = get_logger(__name__)

ENCRYPTION_KEYS: Final = CollectionSpec("encryptionkeys")
"""{_id: key id, canary: ciphertext, createdAt}."""

_CANARY: Final = b"sings"


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


def _place(key_id: str) -> Place:
    return Place("", ENCRYPTION_KEYS.name, key_id, "canary")
