"""`billinghistories` as the original stores it: `susbscritionPlan` is the name of a field."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

BILLING_HISTORIES: Final = CollectionSpec(
    "billinghistories",
    indexes=(IndexSpec("a company's bills, newest first", (("userId", 1), ("_id", -1))),),
    owner_key="userId",
)
