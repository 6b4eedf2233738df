"""API keys as they are stored: by a hash, and never again in the clear."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.permissions import Permission
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

PREFIX: Final = "jz_live_"
KEY_PATTERN: Final = r"^jz_live_[A-Za-z0-9_-]{43}$"
SHOWN_CHARACTERS: Final = len(PREFIX) + 6
"""How much of a key is kept in the clear, so that its owner can tell it from others."""
MOST_KEYS: Final = 100

API_KEYS: Final = CollectionSpec(
    "apikeys",
    indexes=(
        IndexSpec("a key is found by its hash", (("hash", 1),), unique=True),
        IndexSpec("a company's keys, newest first", (("companyId", 1), ("_id", -1))),
    ),
    owner_key="companyId",
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key: it does what its scopes name, for as long as who made it may do that too."""

    id: ObjectId
    company_id: ObjectId
    created_by: ObjectId
    scopes: frozenset[Permission]
    expires_at: datetime | None


def new_key() -> str:
    """Make a key: 256 bits that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(key: str) -> bytes:
    """Hash a key; one of 256 random bits needs no slow hash."""
    return hashlib.sha256(key.encode()).digest()
