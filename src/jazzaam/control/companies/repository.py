"""Queries on companies that belong to no account's own."""

from bson import ObjectId

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.tenancy.database import CompanyScope, SystemDatabase
from jazzaam.tenancy.models import TenantId

ACCOUNT_FIELDS = (
    "email", "password", "userType", "provider", "emailVerified", "isActive", "revision", "createdAt",
    "updatedAt",
)  # fmt: skip
"""What of a company's document is its first account's own."""


async def remove_company(db: SystemDatabase, tenant_id: TenantId) -> None:
    """Remove an erased company's document; safe to repeat.

    A self-registered company shares it with its first account. When that person works elsewhere too, the
    account stays, and only what was the company's goes.
    """
    company_id = ObjectId(tenant_id)
    works_elsewhere = await db.unscoped(MEMBERSHIPS, "an account's companies").find_one(
        {"accountId": company_id, "isActive": True}, {"_id": 1}
    )
    rows = CompanyScope(db, company_id)[COMPANIES]
    if works_elsewhere is None:
        await rows.delete_many({})
        return
    kept = {field: f"${field}" for field in ACCOUNT_FIELDS}
    await rows.find_one_and_update({}, [{"$project": kept}, {"$set": {"userType": "user"}}], {"_id": 1})
