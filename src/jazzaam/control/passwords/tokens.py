"""The token in the mail with which a password is reset: signed, and stored nowhere."""

from typing import Final, NamedTuple

from bson import ObjectId

from jazzaam.signing import BadSignature, Keyring

_PURPOSE: Final = "password reset"


class Reset(NamedTuple):
    """Whose password is reset, and by which request: a later one voids it."""

    account_id: ObjectId
    seed: bytes


def write_reset(keyring: Keyring, reset: Reset) -> str:
    """Sign a token."""
    return keyring.seal(_PURPOSE, {"a": reset.account_id, "s": reset.seed})


def read_reset(keyring: Keyring, token: str) -> Reset | None:
    """Read a token; None for one that we did not sign."""
    try:
        said = keyring.unseal(_PURPOSE, token)
    except BadSignature:
        return None
    return Reset(said["a"], said["s"])
