"""Every query on registrations: they belong to no company yet."""

from datetime import datetime
from typing import Any, Final

from jazzaam.control.accounts.models import AccountType
from jazzaam.control.registrations.models import CODE_TRIES, REGISTRATION_LASTS, REGISTRATIONS, Registration
from jazzaam.tenancy.database import Document, SystemDatabase

_REGISTRATION_FIELDS: Final = {
    "accountId": 1,
    "accountType": 1,
    "companyName": 1,
    "passwordHash": 1,
    "salt": 1,
    "number": 1,
    "codeEndsAt": 1,
    "decoy": 1,
}


class RegistrationRepository:
    """Registrations, one an address."""

    def __init__(self, db: SystemDatabase) -> None:
        self._rows = db[REGISTRATIONS]

    async def put(self, registration: Registration, token_hash: bytes, at: datetime) -> None:
        """Write a registration in the place of the address's last one."""
        await self._rows.replace_one(
            {"_id": registration.email},
            {
                "tokenHash": token_hash,
                "accountId": registration.account_id,
                "accountType": registration.account_type,
                "companyName": registration.company_name,
                "passwordHash": registration.password_hash,
                "salt": registration.salt,
                "number": registration.number,
                "codeEndsAt": registration.code_ends_at,
                "decoy": registration.decoy,
                "tries": 0,
                "createdAt": at,
                "expiresAt": at + REGISTRATION_LASTS,
            },
            upsert=True,
        )

    async def by_token(self, token_hash: bytes, at: datetime) -> Registration | None:
        """Find the registration whose registrant holds this token."""
        row = await self._rows.find_one(
            {"tokenHash": token_hash, "expiresAt": {"$gt": at}}, _REGISTRATION_FIELDS
        )
        return _registration(row) if row else None

    async def forget_ended(self, at: datetime) -> int:
        """Remove registrations that nobody verified in time; gives how many there were."""
        return await self._rows.delete_many({"expiresAt": {"$lte": at}})

    async def by_email(self, email: str, at: datetime) -> Registration | None:
        """Find the registration of an address."""
        row = await self._rows.find_one({"_id": email, "expiresAt": {"$gt": at}}, _REGISTRATION_FIELDS)
        return _registration(row) if row else None

    async def spend_try(self, token_hash: bytes, at: datetime) -> Registration | None:
        """Use one of the present code's five tries; None when there is none left, or it has ended."""
        row = await self._rows.find_one_and_update(
            {"tokenHash": token_hash, "tries": {"$lt": CODE_TRIES}, "codeEndsAt": {"$gt": at}},
            {"$inc": {"tries": 1}},
            _REGISTRATION_FIELDS,
        )
        return _registration(row) if row else None

    async def next_code(
        self, read: Registration, ends_at: datetime, token_hash: bytes | None
    ) -> int | None:
        """Begin a new code for the registration that was read, and with `token_hash` a new token.

        Gives the code's number; None when another registration has taken its place.
        """
        new: Document = {"codeEndsAt": ends_at, "tries": 0}
        if token_hash is not None:
            new["tokenHash"] = token_hash
        row = await self._rows.find_one_and_update(
            {"_id": read.email, "salt": read.salt}, {"$set": new, "$inc": {"number": 1}}, {"number": 1}
        )
        return row["number"] if row else None

    async def set_token(self, read: Registration, token_hash: bytes) -> bool:
        """Change the token of the registration that was read; False when another has taken its place."""
        return await self._rows.update_one(
            {"_id": read.email, "salt": read.salt}, {"$set": {"tokenHash": token_hash}}
        )

    async def remove(self, email: str) -> None:
        """Take a registration away."""
        await self._rows.delete_many({"_id": email})


def _registration(row: dict[str, Any]) -> Registration:
    return Registration(
        email=row["_id"],
        account_id=row["accountId"],
        account_type=AccountType(row["accountType"]),
        company_name=row["companyName"],
        password_hash=row["passwordHash"],
        salt=row["salt"],
        number=row["number"],
        code_ends_at=row["codeEndsAt"],
        decoy=row["decoy"],
    )
