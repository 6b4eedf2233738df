"""Queries on the fleet, for who runs the platform: what the shared database knows of companies."""

from typing import Final

from bson import ObjectId

from jazzaam.control.companies.models import COMPANIES
from jazzaam.pagination import Position, newest_first
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.database import Document, SystemDatabase
from jazzaam.tenancy.models import TenantStatus

_SHOWN: Final = {"status": 1, "cluster": 1, "credential.epoch": 1, "createdAt": 1, "eraseAfter": 1}
_OF_COMPANIES: Final = {"companyName": 1, "subscriptionPlan": 1}
_COMPANIES: Final = (TenantStatus.active, TenantStatus.suspended, TenantStatus.erasing)
"""The states of a company; the others are of databases that nobody has signed up for yet."""


class FleetRepository:
    """All companies."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db
        self._tenants = db[TENANTS]

    async def page(
        self, status: TenantStatus | None, limit: int, position: Position | None
    ) -> tuple[list[Document], Position | None]:
        """Read a page of companies, the newest first, and where the next one begins."""
        among = [status] if status else list(_COMPANIES)
        return await newest_first(self._tenants, {"status": {"$in": among}}, _SHOWN, limit, position)

    async def get(self, company_id: str) -> Document | None:
        """Read one company's row of the catalog."""
        return await self._tenants.find_one(
            {"_id": company_id, "status": {"$in": list(_COMPANIES)}}, _SHOWN
        )

    async def about(self, company_ids: list[str]) -> dict[str, Document]:
        """Read the names and plans of companies, by their ids."""
        wanted = [ObjectId(one) for one in company_ids]
        rows = self._db.unscoped(COMPANIES, "the fleet's names").find(
            {"_id": {"$in": wanted}}, _OF_COMPANIES
        )
        return {str(row["_id"]): row async for row in rows}
