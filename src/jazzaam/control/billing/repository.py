"""Every query on what was billed."""

from typing import Final

from bson import ObjectId

from jazzaam.control.billing.models import BILLING_HISTORIES
from jazzaam.pagination import Position, newest_first
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase

_SHOWN: Final = {"susbscritionPlan": 1, "status": 1, "month": 1, "amount": 1, "createdAt": 1}


class BillingRepository:
    """What one company was billed."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId) -> None:
        self._rows = CompanyScope(db, company_id)[BILLING_HISTORIES]

    async def page(self, limit: int, position: Position | None) -> tuple[list[Document], Position | None]:
        """Read a page, the newest first, and where the next one begins."""
        return await newest_first(self._rows, {}, _SHOWN, limit, position)
