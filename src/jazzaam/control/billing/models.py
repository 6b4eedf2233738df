"""`billinghistories` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

BILLING_HISTORIES: Final = CollectionSpec(
    "billinghistories",
    indexes=(IndexSpec("a company's bills, newest first", (("userId", 1), ("createdAt", -1))),),
    owner_key="userId",
)
