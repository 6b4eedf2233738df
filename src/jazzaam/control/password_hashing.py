"""Passwords: argon2id for ours, bcrypt for those the original left behind."""

import asyncio
import unicodedata
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from jazzaam.errors import TooManyRequests

_GUESSABLE: Final = 2
"""zxcvbn's score below which a password falls to a list of common ones (0 to 4)."""
_BCRYPT_BYTES: Final = 72
_ESTIMATED_CHARACTERS: Final = 20
"""zxcvbn's work grows with the square of the length, and in the worst case faster."""
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 64
"""How many may wait for their turn: the last of them for about two seconds."""
_MOST_OF_A_NETWORK: Final = 8
"""How many of them may come from one network: whoever floods takes no more places than these."""


class SignInBusy(TooManyRequests):
    """Too many people sign in at this moment; try again in a second."""


class Verdict(NamedTuple):
    """Whether a password is right, and its new hash when the stored one is of an older kind."""

    right: bool
    better_hash: str | None = None


class Passwords:
    """Hashes and verifies, at most two at once and off the event loop: each takes tens of ms of CPU.

    Whoever waits has a place in a bounded queue; `network` says where they come from (empty: one of ours),
    so that a flood from one network leaves the places to all others. Passwords are compared in Unicode's
    composed form (RFC 8265): keyboards differ in how they write the same letter. Each method raises
    `SignInBusy` when there is no place. The defaults are RFC 9106's second choice (64 MiB, 3 passes, 4
    lanes); a test passes cheaper ones.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting: Counter[str] = Counter()
        self._nobodys = self._hasher.hash("nobody has this password")

    async def hash(self, password: str, network: str = "") -> str:
        """Hash a new password."""
        async with self._turn(network):
            return await asyncio.to_thread(self._hasher.hash, _composed(password))

    async def verify(self, stored: str | None, password: str, network: str = "") -> Verdict:
        """Compare; with nothing stored it takes as long, and is wrong."""
        async with self._turn(network):
            return await asyncio.to_thread(self._verify, stored, password)

    async def is_common(self, password: str, also_known: list[str], network: str = "") -> bool:
        """Tell whether it is on the lists of common passwords, or close to what is known of its owner."""
        async with self._turn(network):
            return await asyncio.to_thread(_is_common, _composed(password), also_known)

    @asynccontextmanager
    async def _turn(self, network: str) -> AsyncGenerator[None]:
        """Wait for one of the slots in the queue; raises `SignInBusy` where it has no place."""
        of_network = network and self._waiting[network] >= _MOST_OF_A_NETWORK
        if of_network or self._waiting.total() >= _MOST_WAITING + _AT_ONCE:
            raise SignInBusy
        self._waiting[network] += 1
        try:
            async with self._slots:
                yield
        finally:
            self._waiting[network] -= 1
            if not self._waiting[network]:
                del self._waiting[network]

    def _verify(self, stored: str | None, password: str) -> Verdict:
        """Compare the composed form, and what was typed: older hashes were made of that."""
        verdict = self._verify_as_is(stored, _composed(password))
        if verdict.right or stored is None or password == _composed(password):
            return verdict
        if self._verify_as_is(stored, password).right:
            return Verdict(right=True, better_hash=self._hasher.hash(_composed(password)))
        return verdict

    def _verify_as_is(self, stored: str | None, password: str) -> Verdict:
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


def _composed(password: str) -> str:
    """Return a password in the form that all keyboards agree on."""
    return unicodedata.normalize("NFC", password)


def _is_common(password: str, also_known: list[str]) -> bool:
    judged = zxcvbn(password[:_ESTIMATED_CHARACTERS], user_inputs=also_known)
    return bool(judged["score"] < _GUESSABLE)
