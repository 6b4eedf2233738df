"""Every query on connections."""

from typing import Final

from bson import ObjectId

from jazzaam.control.crm_connections.models import CRM_INTEGRATIONS
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase

_SHOWN: Final = {
    "provider": 1,
    "status": 1,
    "accountInfo.accountName": 1,
    "accountInfo.accountEmail": 1,
    "accountInfo.accountDomain": 1,
    "settings.syncDirection": 1,
    "settings.autoSync.lastSyncAt": 1,
    "stats.totalLeadsSynced": 1,
    "stats.lastSyncStatus": 1,
    "createdAt": 1,
    "updatedAt": 1,
}
"""Neither tokens nor credentials ever leave the database here."""


class ConnectionRepository:
    """One company's connections to other CRMs."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId) -> None:
        self._rows = CompanyScope(db, company_id)[CRM_INTEGRATIONS]

    async def all(self) -> list[Document]:
        """List them, by provider: one each at most."""
        return await self._rows.find({}, _SHOWN, sort=[("provider", 1)]).to_list()
