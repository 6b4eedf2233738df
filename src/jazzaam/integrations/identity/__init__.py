"""Somebody else who says who a person is."""

from dataclasses import dataclass
from typing import Protocol

from jazzaam.errors import Unauthenticated


class IdentityRefused(Unauthenticated):
    """The provider's answer does not prove who this is; begin again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in, as its browser alone holds it: `verifier` is PKCE's (RFC 7636)."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is to a provider: issuer and subject together are never given to anybody else.

    `email` is None unless the provider has verified it.
    """

    issuer: str
    subject: str
    email: str | None
    name: str


class IdentityProvider(Protocol):
    """A provider of identities; each method raises `OutsideUnavailable` when it cannot be reached."""

    async def address(self, attempt: Attempt) -> str:
        """Give the address to which a browser is sent."""
        ...

    async def identity(self, attempt: Attempt, code: str, issuer: str | None) -> Identity:
        """Exchange a code for who it is of; `issuer` is what the answer said. Raises `IdentityRefused`."""
        ...
