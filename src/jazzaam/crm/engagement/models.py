"""`engagementhistories` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

ENGAGEMENTS: Final = CollectionSpec(
    "engagementhistories",
    indexes=(IndexSpec("a lead's engagements, newest first", (("leadId", 1), ("engagementDate", -1))),),
    lead_key="leadId",
)
