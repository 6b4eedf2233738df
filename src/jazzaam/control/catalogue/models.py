"""`services` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec

SERVICES: Final = CollectionSpec(
    "services",
)
