"""`dealhealths` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

DEAL_HEALTHS: Final = CollectionSpec(
    "dealhealths",
    indexes=(IndexSpec("one health a lead", (("leadId", 1),), unique=True),),
    lead_key="leadId",
)
