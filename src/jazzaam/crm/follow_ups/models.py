"""`followups` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

FOLLOW_UPS: Final = CollectionSpec(
    "followups",
    indexes=(IndexSpec("a lead's follow-ups", (("leadId", 1),)),),
    lead_key="leadId",
)
