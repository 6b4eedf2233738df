"""The chain of a company's audit rows: pure.

Each row carries a message authentication code (HMAC-SHA256) over the one before it and over its own
content, so a row that was changed, removed or put elsewhere breaks the chain from there on. `personal` is
covered by a salted digest: it can be erased without breaking anything, and not be guessed from what stays.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any, Final

import bson

from jazzaam.signing import Keyring

BEGINNING: Final = b""
"""What stands before the first row."""

COVERED: Final = (
    "companyId", "jobId", "seq", "createdAt", "writtenAt", "action", "resource", "resourceId", "status",
    "fields", "actor", "requestId", "personalDigest", "keyId",
)  # fmt: skip
"""What of a row its code covers, in this order."""

_SALT_BYTES: Final = 16


def personal_part(known: Mapping[str, Any]) -> dict[str, Any]:
    """Give what may tell of a person with the salt of its digest."""
    return {"salt": os.urandom(_SALT_BYTES), **known}


def digest_of(personal: Mapping[str, Any]) -> bytes:
    """Digest a personal part, whose salt keeps an address from being tried out."""
    return hashlib.sha256(bson.encode(personal)).digest()


def code_of(keyring: Keyring, company_id: object, before: bytes, row: Mapping[str, Any]) -> bytes:
    """Compute a row's code; each company has a key of its own. Raises `BadSignature` for an unknown key."""
    key = keyring.key(f"audit {company_id}", str(row["keyId"]))
    return hmac.digest(key, before + bson.encode({name: row[name] for name in COVERED}), "sha256")
