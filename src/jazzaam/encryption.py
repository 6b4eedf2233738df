"""What we store encrypted: a secret that is needed again, and means nothing to who reads a backup.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. A ciphertext carries associated data that says
where it belongs, so one that was moved to another tenant, row or field does not decrypt.
"""

import os
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import bson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jazzaam.signing import BadSignature, Keyring

_PURPOSE: Final = "encryption"
_NONCE_BYTES: Final = 12

KEY_FIELD: Final = "k"
"""Where a ciphertext names its key's id, so that those of an old key can be asked for."""


class Undecryptable(Exception):
    """It was not encrypted for this place, it was changed, or its key is not configured."""


class Place(NamedTuple):
    """Where a ciphertext belongs; `tenant` is empty for what is nobody's."""

    tenant: str
    collection: str
    row: str
    field: str


class Cipher:
    """Encrypts with the deployment's newest encryption key, decrypts with any."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    @property
    def current_id(self) -> str:
        """Name the key that encrypts: 8 hex digits."""
        return self._keyring.current_id

    @property
    def key_ids(self) -> list[str]:
        """Name every configured key, the newest first."""
        return self._keyring.ids

    def encrypt(self, secret: bytes, place: Place) -> dict[str, Any]:
        """Give `secret` as it is stored: {k: key id, c: nonce + ciphertext}."""
        key_id, nonce = self.current_id, os.urandom(_NONCE_BYTES)
        sealed = self._aes(key_id).encrypt(nonce, secret, _associated(place, key_id))
        return {KEY_FIELD: key_id, "c": nonce + sealed}

    def decrypt(self, stored: Mapping[str, Any], place: Place) -> bytes:
        """Give the secret back; raises `Undecryptable`."""
        try:
            key_id, sealed = str(stored[KEY_FIELD]), bytes(stored["c"])
            nonce, sealed = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return self._aes(key_id).decrypt(nonce, sealed, _associated(place, key_id))
        except (BadSignature, InvalidTag, KeyError, TypeError, ValueError):
            raise Undecryptable(f"{place.collection}.{place.field}") from None

    def _aes(self, key_id: str) -> AESGCM:
        return AESGCM(self._keyring.key(_PURPOSE, key_id))


def _associated(place: Place, key_id: str) -> bytes:
    return bson.encode({**place._asdict(), "key": key_id})
