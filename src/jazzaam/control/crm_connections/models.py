"""`crmintegrations` as the original stores it."""

from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

CRM_INTEGRATIONS: Final = CollectionSpec(
    "crmintegrations",
    indexes=(
        IndexSpec(
            "one connection a company and provider",
            (("companyId", 1), ("provider", 1)),
            unique=True,
        ),
    ),
    owner_key="companyId",
)
