"""`auditlogs` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

AUDIT_LOGS: Final = CollectionSpec(
    "auditlogs",
    indexes=(IndexSpec("a company's log, newest first", (("companyId", 1), ("createdAt", -1))),),
    owner_key="companyId",
)
