"""Passwords: argon2id for ours, bcrypt for those the original left behind."""

import asyncio
from typing import Final, NamedTuple

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

_GUESSABLE: Final = 2
"""zxcvbn's score below which a password falls to a list of common ones (0 to 4)."""
_BCRYPT_BYTES: Final = 72
_ESTIMATED_CHARACTERS: Final = 20
"""zxcvbn's work grows with the square of the length, and in the worst case faster."""
_AT_ONCE: Final = 2


class Verdict(NamedTuple):
    """Whether a password is right, and its new hash when the stored one is of an older kind."""

    right: bool
    better_hash: str | None = None


class Passwords:
    """Hashes and verifies, at most two at once and off the event loop: each takes tens of ms of CPU.

    The defaults are RFC 9106's second choice (64 MiB, 3 passes, 4 lanes); a test passes cheaper ones.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._nobodys = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Hash a new password."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Compare; with nothing stored it takes as long, and is wrong."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, stored, password)

    async def is_common(self, password: str, also_known: list[str]) -> bool:
        """Tell whether it is on the lists of common passwords, or close to what is known of its owner."""
        async with self._slots:
            return await asyncio.to_thread(_is_common, password, also_known)

    def _verify(self, stored: str | None, password: str) -> Verdict:
        if stored is not None and stored.startswith("$2"):
            return self._verify_bcrypt(stored, password)
        try:
            self._hasher.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        if stored is None:
            return Verdict(right=False)
        outdated = self._hasher.check_needs_rehash(stored)
        return Verdict(right=True, better_hash=self._hasher.hash(password) if outdated else None)

    def _verify_bcrypt(self, stored: str, password: str) -> Verdict:
        """Verify as the original did: bcrypt looks at 72 bytes."""
        try:
            right = bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], stored.encode())
        except ValueError:
            right = False
        return Verdict(right, self._hasher.hash(password) if right else None)


def _is_common(password: str, also_known: list[str]) -> bool:
    judged = zxcvbn(password[:_ESTIMATED_CHARACTERS], user_inputs=also_known)
    return bool(judged["score"] < _GUESSABLE)
