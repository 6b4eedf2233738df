"""What we sign, so that it can travel through strangers' hands.

A `Keyring` holds the deployment's secrets, newest first: the first signs, all verify. Each purpose
gets a key of its own (HKDF with the purpose as its info), so a signature made for one door opens no
other.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions

MINIMUM_SECRET_BYTES: Final = 32
_MAC_BYTES: Final = 32
_KEY_ID_BYTES: Final = 4
_AWARE: Final[CodecOptions[dict[str, Any]]] = CodecOptions(tz_aware=True)


class BadSignature(Exception):
    """It was not signed by us for this purpose, or it was changed on its way."""


class Keyring:
    """The deployment's signing secrets, newest first.

    Raises `ValueError` when there is none, or when one is shorter than 32 bytes.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        encoded = [secret.encode() for secret in secrets]
        if not encoded or any(len(secret) < MINIMUM_SECRET_BYTES for secret in encoded):
            raise ValueError(f"a secret has at least {MINIMUM_SECRET_BYTES} bytes")
        self._secrets = {_key_id(secret): secret for secret in encoded}
        self.ids: list[str] = [key_id.hex() for key_id in self._secrets]
        self.current_id: str = self.ids[0]

    def key(self, purpose: str, key_id: str | None = None) -> bytes:
        """Give the 32-byte key for `purpose`; raises `BadSignature` for an unknown key id."""
        try:
            secret = self._secrets[bytes.fromhex(key_id or self.current_id)]
        except (KeyError, ValueError):
            raise BadSignature from None
        return _derive(secret, purpose)

    def seal(self, purpose: str, said: Mapping[str, Any]) -> str:
        """Sign BSON values for `purpose`; the text returned carries them, readable, safe in a URL."""
        message = bson.encode(said)
        mac = self._mac(purpose, self.current_id, message)
        return _text(bytes.fromhex(self.current_id) + mac + message)

    def unseal(self, purpose: str, sealed: str) -> dict[str, Any]:
        """Give back what `seal` was given; raises `BadSignature`. Nothing is read before it is verified."""
        try:
            raw = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except ValueError:
            raise BadSignature from None
        key_id, rest = raw[:_KEY_ID_BYTES].hex(), raw[_KEY_ID_BYTES:]
        mac, message = rest[:_MAC_BYTES], rest[_MAC_BYTES:]
        right = hmac.compare_digest(mac, self._mac(purpose, key_id, message))
        if not right or _text(raw) != sealed:
            raise BadSignature
        return bson.decode(message, _AWARE)  # pyright: ignore[reportUnknownMemberType] - bson's own annotation

    def _mac(self, purpose: str, key_id: str, message: bytes) -> bytes:
        return hmac.digest(self.key(purpose, key_id), message, "sha256")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _key_id(secret: bytes) -> bytes:
    return hashlib.sha256(b"jazzaam key id\0" + secret).digest()[:_KEY_ID_BYTES]


@lru_cache(maxsize=256)
def _derive(secret: bytes, purpose: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) for one block of output, with an empty salt."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")
