"""The token in an invitation's mail: signed, and stored nowhere."""

from typing import Final, NamedTuple

from bson import ObjectId

from jazzaam.signing import BadSignature, Keyring

_PURPOSE: Final = "invitation"


class Named(NamedTuple):
    """Which invitation a token names, and its seed."""

    company_id: ObjectId
    invitation_id: ObjectId
    seed: bytes


def write_invitation(keyring: Keyring, named: Named) -> str:
    """Sign a token."""
    return keyring.seal(_PURPOSE, {"c": named.company_id, "i": named.invitation_id, "s": named.seed})


def read_invitation(keyring: Keyring, token: str) -> Named | None:
    """Read a token; None for one that we did not sign."""
    try:
        said = keyring.unseal(_PURPOSE, token)
    except BadSignature:
        return None
    return Named(said["c"], said["i"], said["s"])
