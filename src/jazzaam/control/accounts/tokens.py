"""Access tokens (JWT, RFC 7519, 15 minutes) and refresh tokens (one use each)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

import jwt
from bson import ObjectId

from jazzaam.control.accounts.errors import TokenRefused
from jazzaam.control.accounts.models import Session
from jazzaam.signing import BadSignature, Keyring

ACCESS_LASTS: Final = timedelta(minutes=15)
_ISSUER: Final = "jazzaam"
_AUDIENCE: Final = "jazzaam-api"
_ALGORITHM: Final = "HS256"
_TYPE: Final = "at+jwt"
_ACCESS: Final = "access token"
_REFRESH: Final = "refresh token"
_REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub", "sid", "jti"]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says."""

    session_id: str
    account_id: str
    company_id: str | None
    role_version: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token says; `seed` shows that it came from this very session."""

    session_id: ObjectId
    generation: int
    seed: bytes


def write_access_token(keyring: Keyring, session: Session, at: datetime) -> str:
    """Sign an access token for a session."""
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(session.account_id),
        "sid": str(session.id),
        "cid": str(session.company_id) if session.company_id else None,
        "rv": session.membership_version,
        "iat": int(at.timestamp()),
        "exp": int((at + ACCESS_LASTS).timestamp()),
        "jti": str(ObjectId()),
    }
    headers = {"kid": keyring.current_id, "typ": _TYPE}
    key = keyring.key(_ACCESS)
    return jwt.encode(claims, key, _ALGORITHM, headers)  # pyright: ignore[reportUnknownMemberType]


class AccessTokens:
    """Reads access tokens; remembers the last `size` it has verified.

    What was verified stays so: its bytes and our keys do not change. Whether it is over, and whether its
    session has ended, is asked every time.
    """

    def __init__(self, keyring: Keyring, *, size: int = 10_000) -> None:
        self._verified = lru_cache(size)(partial(_verify, keyring))

    def read(self, token: str, at: datetime) -> AccessClaims:
        """Verify an access token; raises `TokenRefused`."""
        claims = self._verified(token)
        if claims.expires_at <= at.timestamp():
            raise TokenRefused
        return claims


def _verify(keyring: Keyring, token: str) -> AccessClaims:
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != _TYPE:
            raise TokenRefused
        claims: dict[str, Any] = jwt.decode(  # pyright: ignore[reportUnknownMemberType]
            token,
            keyring.key(_ACCESS, str(header.get("kid"))),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={"require": _REQUIRED},
        )
    except (jwt.InvalidTokenError, BadSignature):
        raise TokenRefused from None
    return AccessClaims(
        claims["sid"], claims["sub"], claims.get("cid"), claims.get("rv", 0), float(claims["exp"])
    )


def write_refresh_token(keyring: Keyring, session: Session) -> str:
    """Sign the refresh token of a session's present generation."""
    said = {"s": session.id, "g": session.generation, "x": session.seed}
    return keyring.seal(_REFRESH, said)


def read_refresh_token(keyring: Keyring, token: str) -> RefreshClaims:
    """Verify a refresh token's signature; raises `TokenRefused`.

    Whoever reads it compares `generation` with the session's: a lower one was used before.
    """
    try:
        said = keyring.unseal(_REFRESH, token)
    except BadSignature:
        raise TokenRefused from None
    return RefreshClaims(said["s"], said["g"], said["x"])
