"""`invitations`: the original's collection, with what ours need beside its fields."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.permissions import Role
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

INVITATION_LASTS: Final = timedelta(days=7)

INVITATIONS: Final = CollectionSpec(
    "invitations",
    indexes=(
        IndexSpec("forgets old invitations", (("createdAt", 1),), expire_after=INVITATION_LASTS),
        IndexSpec(
            "an address is invited once into a company",
            (("senderCompany", 1), ("email", 1)),
            unique=True,
            partial={"email": {"$type": "string"}},
        ),
    ),
    owner_key="senderCompany",
)
"""One row an invitation that waits; one that was accepted or taken back is gone, and in the audit log."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that waits; the token in its mail is signed over `seed`, which alone opens nothing."""

    id: ObjectId
    company_id: ObjectId
    email: str
    role: Role
    seed: bytes
    created_at: datetime
    invited_by: ObjectId | None
