"""Codes of a second factor: pure.

TOTP as RFC 6238 says with the values every authenticator knows: SHA-1, 30 seconds, six digits. A code is
taken from one step before to one step after, for clocks that differ, and each step once (RFC 6238, 5.2).
"""

import hashlib
import secrets
from datetime import datetime
from typing import Final

import pyotp
from pyotp.totp import TOTP

STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 10
_TOLERANCE: Final = 1
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without what is easily misread."""
_GROUPS: Final = (4, 4, 4, 4)


def new_secret() -> str:
    """Make a shared secret: 160 bits, in base 32."""
    return pyotp.random_base32()


def address_of(secret: str, email: str, issuer: str) -> str:
    """Give the `otpauth://` address that an authenticator reads as a QR code."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """Give the time step a code belongs to, or None when it belongs to none of these."""
    now = int(at.timestamp()) // STEP_SECONDS
    known = TOTP(secret)
    right = [
        step
        for step in range(now - _TOLERANCE, now + _TOLERANCE + 1)
        if secrets.compare_digest(known.generate_otp(step), code)
    ]
    return right[-1] if right else None


def new_recovery_codes() -> list[str]:
    """Make ten recovery codes of 79 random bits, in groups that can be read aloud."""
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(size)) for size in _GROUPS)
        for _ in range(RECOVERY_CODES)
    ]


def hash_of(recovery_code: str) -> bytes:
    """Hash a recovery code, however it is typed; that many random bits need no slow hash."""
    plain = recovery_code.strip().lower().replace("-", "")
    return hashlib.sha256(plain.encode()).digest()
