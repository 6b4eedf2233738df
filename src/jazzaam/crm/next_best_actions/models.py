"""`nextbestactions` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

NEXT_BEST_ACTIONS: Final = CollectionSpec(
    "nextbestactions",
    indexes=(IndexSpec("the active action of a lead", (("leadId", 1), ("isActive", 1))),),
    lead_key="leadId",
)
