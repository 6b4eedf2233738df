"""Every query on accounts, registrations and sessions.

These are the queries of the shared database that cannot know a company yet: each says why.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.control.accounts.errors import AccountExists
from jazzaam.control.accounts.models import (
    CODE_TRIES,
    REGISTRATION_LASTS,
    REGISTRATIONS,
    SESSION_LASTS,
    SESSIONS,
    AccountType,
    Registration,
    Session,
)
from jazzaam.control.companies.models import COMPANIES, DEFAULT_SETTINGS
from jazzaam.control.memberships.models import MEMBERSHIPS, Membership
from jazzaam.control.memberships.permissions import Role
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase

UNSCOPED_REASONS: Final = frozenset(
    {"sign-in by address", "the session's own rows", "an account's companies", "a new account"}
)
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
_SESSION_FIELDS: Final = {
    "accountId": 1,
    "companyId": 1,
    "membershipId": 1,
    "generation": 1,
    "seed": 1,
    "expiresAt": 1,
}


@dataclass(frozen=True, slots=True)
class Account:
    """What signing in needs of an account."""

    id: ObjectId
    email: str
    password_hash: str | None
    is_active: bool


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

    async def remove(self, email: str) -> None:
        """Take a registration away."""
        await self._rows.delete_many({"_id": email})


class AccountRepository:
    """Accounts, before and beside any company."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db

    async def by_email(self, email: str) -> Account | None:
        """Find the account that signs in with an address."""
        row = await self._db.unscoped(COMPANIES, "sign-in by address").find_one(
            {"email": email}, {"email": 1, "password": 1, "isActive": 1}
        )
        if row is None:
            return None
        return Account(row["_id"], row["email"], row.get("password"), row.get("isActive", True))

    async def add(self, registration: Registration, account_id: ObjectId, at: datetime) -> None:
        """Write the account of a registration under an id; raises `AccountExists`."""
        try:
            await self._db.unscoped(COMPANIES, "a new account").insert(
                {
                    "_id": account_id,
                    "email": registration.email,
                    "password": registration.password_hash,
                    "userType": registration.account_type,
                    "companyName": registration.company_name,
                    "provider": "local",
                    "emailVerified": True,
                    "isActive": True,
                    "subscriptionPlan": "free",
                    "subscriptionStatus": "trial",
                    "settings": dict(DEFAULT_SETTINGS),
                    "revision": 1,
                    "createdAt": at,
                    "updatedAt": at,
                }
            )
        except DuplicateKeyError:
            raise AccountExists from None

    async def add_owner(self, company_id: ObjectId, account_id: ObjectId, at: datetime) -> Membership:
        """Make an account the owner of a company."""
        membership = Membership(ObjectId(), company_id, Role.owner, 1)
        await CompanyScope(self._db, company_id)[MEMBERSHIPS].insert(
            {
                "_id": membership.id,
                "accountId": account_id,
                "role": membership.role,
                "isActive": True,
                "version": membership.version,
                "createdAt": at,
                "updatedAt": at,
            }
        )
        return membership

    async def set_password(self, account_id: ObjectId, password_hash: str) -> None:
        """Replace the stored hash."""
        await CompanyScope(self._db, account_id)[COMPANIES].update_one(
            {}, {"$set": {"password": password_hash}}
        )

    async def memberships(self, account_id: ObjectId) -> list[Membership]:
        """List where an account works, the oldest first."""
        cursor = self._db.unscoped(MEMBERSHIPS, "an account's companies").find(
            {"accountId": account_id, "isActive": True},
            {"companyId": 1, "role": 1, "version": 1},
            sort=[("_id", 1)],
        )
        return [_membership(row) async for row in cursor]

    async def profile(self, account_id: ObjectId) -> Document | None:
        """Read what an account may know of itself."""
        return await CompanyScope(self._db, account_id)[COMPANIES].find_one(
            {}, {"email": 1, "userType": 1, "companyName": 1, "createdAt": 1}
        )

    async def company_name(self, company_id: ObjectId) -> str:
        """Read a company's name."""
        row = await CompanyScope(self._db, company_id)[COMPANIES].find_one({}, {"companyName": 1})
        return str(row.get("companyName", "")) if row else ""


class SessionRepository:
    """Sessions, found by their own id."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db
        self._rows = db.unscoped(SESSIONS, "the session's own rows")

    async def add(self, session: Session, at: datetime) -> None:
        """Write a new session."""
        await self._rows.insert(
            {
                "_id": session.id,
                "accountId": session.account_id,
                "companyId": session.company_id,
                "membershipId": session.membership_id,
                "generation": session.generation,
                "seed": session.seed,
                "createdAt": at,
                "refreshedAt": at,
                "expiresAt": at + SESSION_LASTS,
            }
        )

    async def find(self, session_id: ObjectId, at: datetime) -> Document | None:
        """Read a session that has not ended."""
        return await self._rows.find_one({"_id": session_id, "expiresAt": {"$gt": at}}, _SESSION_FIELDS)

    async def advance(self, session_id: ObjectId, generation: int, at: datetime) -> bool:
        """Use up `generation` of a session; False when somebody else did."""
        return await self._rows.update_one(
            {"_id": session_id, "generation": generation},
            {
                "$inc": {"generation": 1},
                "$set": {"refreshedAt": at, "expiresAt": at + SESSION_LASTS},
            },
        )

    async def end(self, session_id: ObjectId) -> None:
        """End a session; safe to repeat."""
        await self._rows.delete_many({"_id": session_id})

    async def membership(self, membership_id: ObjectId) -> Membership | None:
        """Read the membership a session was made for, while it is active."""
        row = await self._db.unscoped(MEMBERSHIPS, "the session's own rows").find_one(
            {"_id": membership_id, "isActive": True}, {"companyId": 1, "role": 1, "version": 1}
        )
        return _membership(row) if row else None

    async def account_is_active(self, account_id: ObjectId) -> bool:
        """Tell whether an account may act."""
        row = await CompanyScope(self._db, account_id)[COMPANIES].find_one({}, {"isActive": 1})
        return row is not None and row.get("isActive", True) is True


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


def _membership(row: dict[str, Any]) -> Membership:
    return Membership(row["_id"], row["companyId"], row["role"], row.get("version", 1))
