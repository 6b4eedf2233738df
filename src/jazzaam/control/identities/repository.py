"""Every query on identities: found by what the provider says, or by their account."""

from datetime import datetime
from typing import Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.identities.models import IDENTITIES, Provider
from jazzaam.integrations.identity import Identity, IdentityRefused
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase
from jazzaam.tenancy.models import TenantId

_SHOWN: Final = {"provider": 1, "email": 1, "createdAt": 1}


class IdentityRepository:
    """Identities of accounts."""

    def __init__(self, db: SystemDatabase) -> None:
        self._rows = db[IDENTITIES]

    async def account_of(self, identity: Identity) -> ObjectId | None:
        """Find whose an identity is."""
        named = {"issuer": identity.issuer, "subject": identity.subject}
        row = await self._rows.find_one(named, {"accountId": 1})
        return row["accountId"] if row else None

    async def add(
        self, account_id: ObjectId, provider: Provider, identity: Identity, at: datetime
    ) -> ObjectId:
        """Write an identity; raises `IdentityRefused` when it became somebody's just now."""
        row: Document = {
            "_id": ObjectId(),
            "issuer": identity.issuer,
            "subject": identity.subject,
            "provider": provider,
            "accountId": account_id,
            "email": identity.email,
            "createdAt": at,
        }
        try:
            await self._rows.insert(row)
        except DuplicateKeyError:
            raise IdentityRefused from None
        identity_id: ObjectId = row["_id"]
        return identity_id

    async def of_account(self, account_id: ObjectId) -> list[Document]:
        """List an account's identities, the oldest first."""
        return await self._rows.find({"accountId": account_id}, _SHOWN, sort=[("_id", 1)]).to_list()

    async def has_of(self, account_id: ObjectId, issuer: str) -> bool:
        """Tell whether somebody of a provider has an account."""
        theirs = {"accountId": account_id, "issuer": issuer}
        return await self._rows.find_one(theirs, {"_id": 1}) is not None

    async def remove(self, account_id: ObjectId, identity_id: ObjectId) -> bool:
        """Take one of an account's away; False when there is none."""
        return await self._rows.delete_many({"_id": identity_id, "accountId": account_id}) > 0

    async def remove_all(self, account_id: ObjectId) -> None:
        """Take all of an account's away."""
        await self._rows.delete_many({"accountId": account_id})


async def remove_identities(db: SystemDatabase, tenant_id: TenantId) -> None:
    """Remove the identities of an account that went with its company; safe to repeat."""
    account_id = ObjectId(tenant_id)
    if await CompanyScope(db, account_id)[COMPANIES].find_one({}, {"_id": 1}) is None:
        await IdentityRepository(db).remove_all(account_id)
