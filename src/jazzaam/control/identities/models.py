"""Identities as they are stored: who an account's person is to a provider."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

ATTEMPT_LASTS: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""
SECOND_FACTOR_LASTS: Final = timedelta(minutes=5)

IDENTITIES: Final = CollectionSpec(
    "identities",
    indexes=(
        IndexSpec("who somebody is to a provider", (("issuer", 1), ("subject", 1)), unique=True),
        IndexSpec("an account's identities", (("accountId", 1),)),
    ),
)
"""{issuer, subject, provider, accountId, email, createdAt}: an account's own rows, of no company."""


class Provider(StrEnum):
    """Who can vouch for somebody."""

    google = "google"
    zoho = "zoho"
