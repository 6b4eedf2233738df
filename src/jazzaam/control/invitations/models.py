"""`invitations` as the original stores it."""

from datetime import timedelta
from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

INVITATIONS: Final = CollectionSpec(
    "invitations",
    indexes=(IndexSpec("forgets old invitations", (("createdAt", 1),), expire_after=timedelta(days=7)),),
    owner_key="senderCompany",
)
