"""The chain of a company's audit rows: pure.

Each row carries a message authentication code (HMAC-SHA256) over the one before it and over its own
content, so a row that was changed, removed or put elsewhere breaks the chain from there on. `personal` is
covered by a salted digest: it can be erased without breaking anything, and not be guessed from what stays.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
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


def ranges_of(numbers: Sequence[int]) -> list[str]:
    """Write ascending numbers as ranges: `1-3`, `7`."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return [str(first) if first == last else f"{first}-{last}" for first, last in ranges]


def is_in_ranges(number: int, ranges: Iterable[str]) -> bool:
    """Check whether a number is in ranges that `ranges_of` wrote; what is no range holds none."""
    for text in ranges:
        first, _, last = text.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and int(first) <= number <= int(last or first):
            return True
    return False


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
