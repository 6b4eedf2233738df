"""`waitlists` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

WAITLISTS: Final = CollectionSpec(
    "waitlists",
    indexes=(IndexSpec("an address waits once", (("email", 1),), unique=True),),
)
