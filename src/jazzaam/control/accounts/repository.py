"""Every query on accounts.

These are the queries of the shared database that cannot know a company yet: each says why.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.control.accounts.errors import AccountExists
from jazzaam.control.accounts.models import AccountType
from jazzaam.control.companies.models import COMPANIES, DEFAULT_SETTINGS
from jazzaam.tenancy.database import BoundCollection, CompanyScope, Document, SystemDatabase

_ACCOUNT_FIELDS: Final = {
    "email": 1,
    "password": 1,
    "isActive": 1,
    "secondFactor": 1,
    "emailVerified": 1,
    "seenFrom": 1,
}
PROFILE_FIELDS: Final = {
    "email": 1,
    "userType": 1,
    "fullName": 1,
    "password": 1,
    "platformAdmin": 1,
    "secondFactor.confirmed": 1,
    "createdAt": 1,
}
_NETWORKS_KEPT: Final = 10
_STANDING_FIELDS: Final = {
    "isActive": 1,
    "platformAdmin": 1,
    "secondFactor.confirmed": 1,
    "settings.leadVisibility": 1,
    "settings.requireSecondFactor": 1,
}


@dataclass(frozen=True, slots=True)
class Account:
    """What signing in needs of an account; `second_factor` is as it is stored, when it is confirmed.

    `seen_from` are the networks from which it was signed in to lately, hashed.
    """

    id: ObjectId
    email: str
    password_hash: str | None
    is_active: bool
    second_factor: Document | None = None
    email_verified: bool = True
    seen_from: Sequence[bytes] = ()

    def was_seen_from(self, network: str) -> bool:
        """Check whether it was signed in to from a network lately."""
        return bool(network) and _hashed_network(self.id, network) in self.seen_from


class AccountRepository:
    """Accounts, before and beside any company."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db

    async def by_email(self, email: str) -> Account | None:
        """Find the account that signs in with an address."""
        row = await self._db.unscoped(COMPANIES, "sign-in by address").find_one(
            {"email": email}, _ACCOUNT_FIELDS
        )
        return _account(row) if row else None

    async def get(self, account_id: ObjectId) -> Account | None:
        """Find an account by its id."""
        row = await self._own(account_id).find_one({}, _ACCOUNT_FIELDS)
        return _account(row) if row else None

    async def add(
        self,
        account_id: ObjectId,
        email: str,
        at: datetime,
        *,
        password_hash: str | None,
        account_type: AccountType,
        company_name: str = "",
        provider: str = "local",
    ) -> None:
        """Write an account whose address is proved; raises `AccountExists`."""
        row: Document = {
            "_id": account_id,
            "email": email,
            "userType": account_type,
            "companyName": company_name,
            "provider": provider,
            "emailVerified": True,
            "isActive": True,
            "subscriptionPlan": "free",
            "subscriptionStatus": "trial",
            "settings": dict(DEFAULT_SETTINGS),
            "revision": 1,
            "createdAt": at,
            "updatedAt": at,
        }
        if password_hash is not None:
            row["password"] = password_hash
        try:
            await self._db.unscoped(COMPANIES, "a new account").insert(row)
        except DuplicateKeyError:
            raise AccountExists from None

    async def set_password(self, account: Account, password_hash: str) -> bool:
        """Replace the hash that was read; a reset that was asked for before is void.

        False when it is another by now.
        """
        return await self._own(account.id).update_one(
            {"password": account.password_hash},
            {
                "$set": {"password": password_hash},
                "$unset": {"passwordReset.seed": "", "passwordReset.endsAt": ""},
            },
        )

    async def sign_in(self, account: Account, at: datetime, better_hash: str | None = None) -> bool:
        """Note that somebody signs in to an account as it was read; False when it is another by now.

        Password and second factor are part of it. `better_hash` takes the place of the password's.
        """
        new = {"lastLoginAt": at} if better_hash is None else {"lastLoginAt": at, "password": better_hash}
        return await self._own(account.id).update_one(
            {
                "isActive": {"$ne": False},
                "password": account.password_hash,
                **_factor_as_read(account.second_factor),
            },
            {"$set": new},
        )

    async def note_network(self, account_id: ObjectId, network: str) -> None:
        """Remember that an account is signed in to from a network, in the running change."""
        if network:
            hashed = _hashed_network(account_id, network)
            await self._own(account_id).update_one(
                {"seenFrom": {"$ne": hashed}},
                {"$push": {"seenFrom": {"$each": [hashed], "$slice": -_NETWORKS_KEPT}}},
            )

    async def was_seen_from(self, account_id: ObjectId, network: str) -> bool:
        """Check whether an account was signed in to from a network lately."""
        account = await self.get(account_id)
        return account is not None and account.was_seen_from(network)

    async def touch(self, account_id: ObjectId, at: datetime) -> None:
        """Write an account, so that who changes what hangs on it does so one after the other."""
        await self._own(account_id).update_one({}, {"$set": {"updatedAt": at}})

    async def begin_reset(self, email: str, seed: bytes, ends_at: datetime) -> ObjectId | None:
        """Let a password be reset by who is mailed at an address; gives the account, if there is one.

        A seed that was used is used up: the mail's job may come again.
        """
        row = await self._db.unscoped(COMPANIES, "sign-in by address").find_one_and_update(
            {"email": email, "isActive": {"$ne": False}, "passwordReset.used": {"$ne": seed}},
            {"$set": {"passwordReset.seed": seed, "passwordReset.endsAt": ends_at}},
            {"_id": 1},
        )
        return row["_id"] if row else None

    async def finish_reset(
        self, account_id: ObjectId, seed: bytes, password_hash: str, at: datetime
    ) -> bool:
        """Set the password of who was mailed, once; False when that reset is over or used."""
        return await self._own(account_id).update_one(
            {"passwordReset.seed": seed, "passwordReset.endsAt": {"$gt": at}},
            {
                "$set": {
                    "password": password_hash,
                    "emailVerified": True,
                    "passwordReset": {"used": seed},
                }
            },
        )

    async def start_anew(self, account_id: ObjectId) -> None:
        """Take away what somebody who never proved the address could sign in with; it is proved now."""
        gone = dict.fromkeys(("password", "passwordReset", "secondFactor"), "")
        await self._own(account_id).update_one({}, {"$set": {"emailVerified": True}, "$unset": gone})

    async def profile(self, account_id: ObjectId) -> Document | None:
        """Read what an account may know of itself."""
        return await self._own(account_id).find_one({}, PROFILE_FIELDS)

    async def set_admin(self, account_id: ObjectId, *, to: bool) -> None:
        """Make an account a platform admin, or no more."""
        update = {"$set": {"platformAdmin": True}} if to else {"$unset": {"platformAdmin": ""}}
        await self._own(account_id).update_one({}, update)

    async def people(self, account_ids: Sequence[ObjectId]) -> dict[ObjectId, Document]:
        """Read what colleagues see of accounts: name and address."""
        rows = self._db.unscoped(COMPANIES, "an account's companies").find(
            {"_id": {"$in": list(account_ids)}}, {"email": 1, "fullName": 1}
        )
        return {row["_id"]: row async for row in rows}

    async def change_profile(self, account_id: ObjectId, new: Document, at: datetime) -> None:
        """Change what an account says of itself."""
        await self._own(account_id).update_one({}, {"$set": {**new, "updatedAt": at}})

    async def standing(self, account_or_company_id: ObjectId) -> Document | None:
        """Read what decides on every request: of an account, of a company, or of one that is both."""
        return await self._own(account_or_company_id).find_one({}, _STANDING_FIELDS)

    async def second_factor(self, account_id: ObjectId) -> Document | None:
        """Read a second factor, also one that is not confirmed yet."""
        row = await self._own(account_id).find_one({}, {"secondFactor": 1})
        return row.get("secondFactor") if row else None

    async def put_second_factor(self, account_id: ObjectId, factor: Document) -> bool:
        """Begin a second factor in the place of one that was never confirmed; False when one was."""
        return await self._own(account_id).update_one(
            {"secondFactor.confirmed": {"$ne": True}}, {"$set": {"secondFactor": factor}}
        )

    async def confirm_second_factor(
        self, account_id: ObjectId, secret: object, step: int, recovery_hashes: list[bytes]
    ) -> bool:
        """Ask from now on for the second factor that was read; False when it is another, or asked for."""
        return await self._own(account_id).update_one(
            {"secondFactor.confirmed": False, "secondFactor.secret": secret},
            {
                "$set": {
                    "secondFactor.confirmed": True,
                    "secondFactor.lastStep": step,
                    "secondFactor.recovery": recovery_hashes,
                }
            },
        )

    async def use_step(self, account_id: ObjectId, step: int) -> bool:
        """Use up a time step's code; False when it, or a later one, was used before."""
        return await self._own(account_id).update_one(
            {"secondFactor.confirmed": True, "secondFactor.lastStep": {"$lt": step}},
            {"$set": {"secondFactor.lastStep": step}},
        )

    async def use_recovery(self, account_id: ObjectId, digest: bytes) -> bool:
        """Use up a recovery code; False when there is none like it."""
        return await self._own(account_id).update_one(
            {"secondFactor.confirmed": True, "secondFactor.recovery": digest},
            {"$pull": {"secondFactor.recovery": digest}},
        )

    async def renew_recovery(self, account_id: ObjectId, hashes: list[bytes]) -> None:
        """Put new recovery codes in the place of the old."""
        await self._own(account_id).update_one(
            {"secondFactor.confirmed": True}, {"$set": {"secondFactor.recovery": hashes}}
        )

    async def remove_second_factor(self, account_id: ObjectId) -> None:
        """Ask for a second factor no more."""
        await self._own(account_id).update_one({}, {"$unset": {"secondFactor": ""}})

    def _own(self, account_id: ObjectId) -> BoundCollection:
        return CompanyScope(self._db, account_id)[COMPANIES]


async def platform_admins(db: SystemDatabase) -> list[str]:
    """List the addresses of the platform admins: for the operator."""
    rows = db.unscoped(COMPANIES, "the fleet's names").find({"platformAdmin": True}, {"email": 1})
    return [row["email"] async for row in rows]


def _account(row: Document) -> Account:
    factor = row.get("secondFactor") if has_second_factor(row) else None
    return Account(
        id=row["_id"],
        email=row["email"],
        password_hash=row.get("password"),
        is_active=row.get("isActive", True),
        second_factor=factor,
        email_verified=row.get("emailVerified") is True,
        seen_from=row.get("seenFrom") or (),
    )


def _hashed_network(account_id: ObjectId, network: str) -> bytes:
    """Hash a network with the account's own id: a list of accounts is no list of where people live."""
    return hashlib.sha256(account_id.binary + network.encode()).digest()[:12]


def _factor_as_read(factor: Document | None) -> Document:
    """Give the filter of an account whose second factor is what was read."""
    if factor is None:
        return {"secondFactor.confirmed": {"$ne": True}}
    return {"secondFactor.confirmed": True, "secondFactor.secret": factor.get("secret")}


def has_second_factor(account: Document) -> bool:
    """Tell whether an account signs in with a second factor."""
    factor: object = account.get("secondFactor")
    return isinstance(factor, dict) and cast("dict[str, Any]", factor).get("confirmed") is True
