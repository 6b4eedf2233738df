"""Leads as they are stored. Names are those of the original system; see also `facets`."""

from enum import StrEnum
from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec


class Platform(StrEnum):
    """Where a lead's profile is; `other` for none of them."""

    linkedin = "linkedin"
    meta = "meta"
    twitter = "twitter"
    instagram = "instagram"
    other = "other"


class LeadStatus(StrEnum):
    """Where a lead is in the sales team's work.

    Taken-over data may hold other words: they are read, never written.
    """

    new = "new"
    hot = "hot"
    warm = "warm"
    cold = "cold"
    qualified = "qualified"
    assigned = "assigned"
    win = "win"
    lost = "lost"


class Source(StrEnum):
    """How a lead came."""

    form = "form"
    import_ = "import"
    api = "api"
    manual = "manual"
    linkedin = "linkedin"
    meta = "meta"
    twitter = "twitter"
    instagram = "instagram"


SORTABLE: Final = ("createdAt", "updatedAt", "leadScore", "fullName")


def _sort_indexes() -> tuple[IndexSpec, ...]:
    """Two indexes for each sort: one for the whole list, one behind an equality filter."""
    return tuple(
        index
        for field in SORTABLE
        for index in (
            IndexSpec(f"the list by {field}", ((field, -1), ("_id", -1))),
            IndexSpec(f"a filtered list by {field}", (("facets", 1), (field, -1), ("_id", -1))),
        )
    )


LEADS: Final = CollectionSpec(
    "leads",
    indexes=(
        IndexSpec(
            "a profile is one lead; leads without one are not compared",
            (("platform", 1), ("platformUrl", 1)),
            unique=True,
            partial={"platformUrl": {"$type": "string"}},
        ),
        *_sort_indexes(),
    ),
    validator={
        "$jsonSchema": {
            "required": ["platform", "status", "createdAt"],
            "properties": {
                "platform": {"bsonType": "string"},
                "status": {"bsonType": "string"},
                "facets": {"bsonType": "array", "items": {"bsonType": "string"}},
                "createdAt": {"bsonType": "date"},
                "updatedAt": {"bsonType": "date"},
            },
        }
    },
)

IMPORTS: Final = CollectionSpec("imports")
"""Files that were imported; filled by a later feature."""

SEARCH_TERMS: Final = CollectionSpec("searchterms")
"""Prefixes and near misses of words in leads; filled by a later feature."""
