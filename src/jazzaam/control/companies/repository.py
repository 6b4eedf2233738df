"""Queries on companies that belong to no account's own."""

from datetime import UTC, datetime
from typing import Final, cast

from bson import ObjectId

from jazzaam.control.companies.models import COMPANIES, DEFAULT_SETTINGS, PROFILE_FIELDS
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase
from jazzaam.tenancy.errors import TenantExists
from jazzaam.tenancy.models import TenantId

_LONGEST_TEXT: Final = 5_000
_LONGEST_LIST: Final = 100

ACCOUNT_FIELDS = (
    "email", "password", "userType", "provider", "emailVerified", "isActive", "fullName", "secondFactor",
    "passwordReset", "platformAdmin", "seenFrom", "revision", "createdAt", "updatedAt",
)  # fmt: skip
"""What of a company's document is its first account's own."""

_OF_SIGNING_IN: Final = ("lastLoginAt", "membershipRevision")
_OF_BOTH: Final = ("revision", "createdAt", "updatedAt")

_SHOWN: Final = {
    **dict.fromkeys(PROFILE_FIELDS, 1),
    "companySize": 1,
    "contactPerson.name": 1,
    "contactPerson.phone": 1,
    "companyOnboarding": 1,
    "subscriptionPlan": 1,
    "subscriptionStatus": 1,
    "revision": 1,
    "createdAt": 1,
    "updatedAt": 1,
}


class CompanyRepository:
    """One company's own document."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId) -> None:
        self._rows = CompanyScope(db, company_id)[COMPANIES]

    async def get(self) -> Document | None:
        """Read its profile and settings: no account's field is among them."""
        row = await self._rows.find_one({}, _SHOWN)
        return {"revision": 0, **row} if row else None

    async def change(self, named: Document, if_revision: int | None, at: datetime) -> bool:
        """Change fields, by dotted path; None removes one. False when its revision is another."""
        new = {name: value for name, value in named.items() if value is not None}
        removed = [name for name, value in named.items() if value is None]
        update: Document = {"$set": {**new, "updatedAt": at}, "$inc": {"revision": 1}}
        if removed:
            update["$unset"] = dict.fromkeys(removed, "")
        expected = {} if if_revision is None else {"revision": if_revision or {"$in": [0, None]}}
        return await self._rows.update_one(expected, update)


async def company_names(db: SystemDatabase) -> dict[str, str]:
    """Name every company, by its tenant's id: for the operator."""
    rows = db.unscoped(COMPANIES, "the fleet's names").find(
        {"userType": "company"}, {"companyName": 1, "email": 1}
    )
    return {str(row["_id"]): str(row.get("companyName") or row["email"]) async for row in rows}


async def time_zone_of(db: SystemDatabase, tenant_id: TenantId) -> str:
    """Name the IANA time zone of a company; UTC where it has none."""
    row = await CompanyScope(db, ObjectId(tenant_id))[COMPANIES].find_one({}, {"settings.timezone": 1})
    settings: object = (row or {}).get("settings")
    given = cast("dict[str, object]", settings) if isinstance(settings, dict) else {}
    zone = given.get("timezone")
    return zone if isinstance(zone, str) else DEFAULT_SETTINGS["timezone"]


async def add_company(db: SystemDatabase, company_id: ObjectId, name: str, at: datetime) -> None:
    """Write the document of a company that is no account, in the running change.

    It has no password, and an address that nobody can have (RFC 2606).
    """
    await CompanyScope(db, company_id)[COMPANIES].insert(_company(company_id, at) | {"companyName": name})


async def remove_company(db: SystemDatabase, tenant_id: TenantId) -> None:
    """Remove an erased company's document; safe to repeat.

    A self-registered company shares it with its first account. The account goes too only when that person
    worked here to the end, and nowhere else: whom the company let go, or who works elsewhere, keeps it, and
    only what was the company's goes. Memberships are removed after it.
    """
    company_id = ObjectId(tenant_id)
    rows = CompanyScope(db, company_id)[COMPANIES]
    while (row := await rows.find_one({}, {"membershipRevision": 1})) is not None:
        places = db.unscoped(MEMBERSHIPS, "an account's companies").find(
            {"accountId": company_id, "isActive": True}, {"companyId": 1}
        )
        if [place["companyId"] async for place in places] != [company_id]:
            break
        if await rows.delete_many({"membershipRevision": row.get("membershipRevision")}):
            return
    kept = {field: f"${field}" for field in ACCOUNT_FIELDS}
    await rows.find_one_and_update({}, [{"$project": kept}, {"$set": {"userType": "user"}}], {"_id": 1})


async def remove_account(db: SystemDatabase, account_id: ObjectId) -> bool:
    """Remove an account's document in the running change; False when there is none.

    One that a company shares stays, as the document of a company that is no account.
    """
    rows = CompanyScope(db, account_id)[COMPANIES]
    if await rows.delete_many({"userType": "user"}):
        return True
    alone = {
        "email": _no_address(account_id),
        "userType": "company",
        "isActive": True,
        "emailVerified": False,
    }
    gone = {field: "" for field in (*ACCOUNT_FIELDS, *_OF_SIGNING_IN) if field not in (*alone, *_OF_BOTH)}
    return await rows.update_one({}, {"$set": alone, "$unset": gone})


async def adopt_company(db: SystemDatabase, tenant_id: TenantId, row: Document) -> None:
    """Write the document of a company that was imported, in the running change.

    It is no account: it has no password, and an address that nobody can have (RFC 2606). Its plan is the
    free one until who imports it says otherwise. A company that is there, and whose database was lost,
    stays as it is. Raises `TenantExists` when a person's account has its id.
    """
    rows, now = CompanyScope(db, ObjectId(tenant_id))[COMPANIES], datetime.now(UTC)
    there = await rows.find_one({}, {"userType": 1})
    if there is not None and there["userType"] == "company":
        return
    if there is not None:
        raise TenantExists(f"Somebody's account has the id {tenant_id}: import it under another.")
    await rows.insert(_company(tenant_id, now) | {"companyName": "Imported company"} | _profile(row))


def _company(company_id: object, at: datetime) -> Document:
    return {
        "_id": ObjectId(str(company_id)),
        "email": _no_address(company_id),
        "userType": "company",
        "isActive": True,
        "emailVerified": False,
        "subscriptionPlan": "free",
        "subscriptionStatus": "trial",
        "settings": dict(DEFAULT_SETTINGS),
        "revision": 1,
        "createdAt": at,
        "updatedAt": at,
    }


def _no_address(company_id: object) -> str:
    """Give an address that nobody can have (RFC 2606): each document has one, and no two the same."""
    return f"{company_id}@company.invalid"


def _profile(row: Document) -> Document:
    """Take over of a stranger's row what is of the right type, and leave the rest out."""
    texts = {
        name: value[:_LONGEST_TEXT]
        for name, value in row.items()
        if name in PROFILE_FIELDS and isinstance(value, str)
    }
    subjects: object = row.get("companySubServices")
    settings: object = row.get("settings")
    given = cast("dict[str, object]", settings) if isinstance(settings, dict) else {}
    return {
        **texts,
        "companySubServices": _texts(subjects)[:_LONGEST_LIST],
        "settings": {
            name: value[:_LONGEST_TEXT] if isinstance(value := given.get(name), str) else usual
            for name, usual in DEFAULT_SETTINGS.items()
        },
    }


def _texts(value: object) -> list[str]:
    some = cast("list[object]", value) if isinstance(value, list) else []
    return [one[:_LONGEST_TEXT] for one in some if isinstance(one, str)]
