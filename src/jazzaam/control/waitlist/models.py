"""`waitlists` as the original stores it; who was taken off is `isActive: false`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

WAITLISTS: Final = CollectionSpec(
    "waitlists",
    indexes=(
        IndexSpec("an address waits once", (("email", 1),), unique=True),
        IndexSpec(
            "who waits, by status, newest first",
            (("isActive", 1), ("status", 1), ("createdAt", -1), ("_id", -1)),
        ),
    ),
)


class WaitlistSource(StrEnum):
    """Where somebody heard of Jazzaam."""

    website = "website"
    social_media = "social media"
    email_campaign = "email campaign"
    referral = "referral"
    event = "event"
    advertisement = "advertisement"
    other = "other"


class WaitlistStatus(StrEnum):
    """How far somebody is: waiting, invited, a customer."""

    pending = "pending"
    confirmed = "confirmed"
    converted = "converted"


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Who wants to wait; `email` is normalised."""

    email: str
    name: str | None
    source: WaitlistSource
    metadata: dict[str, str]
