"""An attempt to sign in, and one that waits for its second factor: the browser keeps both, signed.

An attempt is a seed in a cookie; state, nonce and PKCE's verifier are computed from it. So nothing is
stored, and an answer that comes to another browser is nobody's.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import asdict
from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.control.identities.models import ATTEMPT_LASTS, SECOND_FACTOR_LASTS, Provider
from jazzaam.integrations.identity import Attempt, Identity
from jazzaam.signing import BadSignature, Keyring

_ATTEMPT: Final = "sign-in attempt"
_WAITING: Final = "sign-in second factor"


def begin_attempt(keyring: Keyring, provider: Provider, at: datetime) -> tuple[str, Attempt]:
    """Begin an attempt; gives its cookie, and what the provider is told."""
    seed = secrets.token_bytes(32)
    cookie = keyring.seal(_ATTEMPT, {"s": seed, "p": provider, "x": at + ATTEMPT_LASTS})
    return cookie, _attempt(keyring.key(_ATTEMPT), seed)


def read_attempt(keyring: Keyring, cookie: str, provider: Provider, at: datetime) -> Attempt | None:
    """Read a cookie; None for one that is not ours, over, or of another provider."""
    try:
        said = keyring.unseal(_ATTEMPT, cookie)
    except BadSignature:
        return None
    if said["p"] != provider or said["x"] <= at:
        return None
    return _attempt(keyring.key(_ATTEMPT), said["s"])


def _attempt(key: bytes, seed: bytes) -> Attempt:
    def part(name: str) -> str:
        return urlsafe_b64encode(hmac.digest(key, name.encode() + seed, "sha256")).rstrip(b"=").decode()

    return Attempt(state=part("state"), nonce=part("nonce"), verifier=part("verifier"))


def write_waiting(
    keyring: Keyring, account_id: ObjectId, provider: Provider, identity: Identity, at: datetime
) -> str:
    """Sign that a provider vouched for an account's person, whose second factor is missing yet."""
    said = {"a": account_id, "p": provider, "i": asdict(identity), "x": at + SECOND_FACTOR_LASTS}
    return keyring.seal(_WAITING, said)


def read_waiting(keyring: Keyring, token: str, at: datetime) -> tuple[ObjectId, Provider, Identity] | None:
    """Read it; None for one that is not ours, or over."""
    try:
        said = keyring.unseal(_WAITING, token)
    except BadSignature:
        return None
    if said["x"] <= at:
        return None
    return said["a"], Provider(said["p"]), Identity(**said["i"])
