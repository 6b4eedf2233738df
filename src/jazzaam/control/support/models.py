"""Support grants as they are stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

LONGEST_GRANT: Final = timedelta(hours=4)
_KEPT: Final = timedelta(days=90)

SUPPORT_GRANTS: Final = CollectionSpec(
    "supportgrants",
    indexes=(
        IndexSpec("a company's grants, newest first", (("companyId", 1), ("_id", -1))),
        IndexSpec("forgets old grants; the audit log keeps them", (("endsAt", 1),), expire_after=_KEPT),
    ),
    owner_key="companyId",
)


@dataclass(frozen=True, slots=True)
class SupportGrant:
    """A permission to look into a company until `ends_at`, for any platform admin."""

    id: ObjectId
    company_id: ObjectId
    ends_at: datetime
