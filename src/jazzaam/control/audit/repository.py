"""Every query on the audit log."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.control.audit.models import APPEND_CONTROL, APPENDING, AUDIT_HEADS, AUDIT_LOGS
from jazzaam.jobs.models import JOBS, JobState
from jazzaam.pagination import Position, newest_first
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase, TenantDatabase
from jazzaam.tenancy.models import TenantId

_SHOWN: Final = {
    "action": 1,
    "resource": 1,
    "resourceId": 1,
    "status": 1,
    "fields": 1,
    "actor": 1,
    "requestId": 1,
    "createdAt": 1,
    "personal": 1,
}
_WHOLE: Final = {
    **_SHOWN,
    "companyId": 1,
    "jobId": 1,
    "seq": 1,
    "writtenAt": 1,
    "personalDigest": 1,
    "keyId": 1,
    "code": 1,
}
_HEAD: Final = {"companyId": 1, "seq": 1, "code": 1}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows a reader asks for; None for any."""

    action: str | None = None
    resource: str | None = None
    account_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def identity(self) -> list[str]:
        """What makes a list the same list on its next page."""
        asked = (self.action, self.resource, self.account_id, self.since, self.until)
        return [str(one) for one in asked]

    def matching(self) -> Document:
        """Give the filter."""
        times = {"$gte": self.since, "$lt": self.until}
        asked: Mapping[str, Any] = {
            "action": self.action,
            "resource": self.resource,
            "actor.id": self.account_id,
            "createdAt": {name: at for name, at in times.items() if at is not None} or None,
        }
        return {name: value for name, value in asked.items() if value is not None}


class AuditRepository:
    """One company's chain; None is the chain of what is of no company."""

    def __init__(self, db: SystemDatabase, company_id: ObjectId | None) -> None:
        self._rows = CompanyScope(db, company_id)[AUDIT_LOGS]

    async def tail(self) -> Document | None:
        """Read the last row's place and code."""
        return await self._rows.find_one({}, {"seq": 1, "code": 1}, sort=[("seq", -1)])

    async def has(self, job_id: ObjectId) -> bool:
        """Tell whether a job has written its row."""
        return await self._rows.find_one({"jobId": job_id}, {"_id": 1}) is not None

    async def add(self, row: Document) -> bool:
        """Write a row; False when its place is taken, or its job has written it."""
        try:
            await self._rows.insert(row)
        except DuplicateKeyError:
            return False
        return True

    async def page(
        self, wanted: Wanted, limit: int, position: Position | None
    ) -> tuple[list[Document], Position | None]:
        """Read a page, newest first, and where the next one begins."""
        return await newest_first(self._rows, wanted.matching(), _SHOWN, limit, position, by="createdAt")

    async def chain(self) -> AsyncIterator[Document]:
        """Read every row from the first on."""
        async for row in self._rows.find({}, _WHOLE, sort=[("seq", 1)], batch_size=1000, max_time_ms=0):
            yield row


async def companies_with_rows(db: SystemDatabase) -> list[ObjectId | None]:
    """List whose chains there are: for the operator who verifies them."""
    grouped = await db.unscoped(AUDIT_LOGS, "whose chains there are").aggregate(
        [{"$sort": {"companyId": 1, "seq": 1}}, {"$group": {"_id": "$companyId"}}]
    )
    return [row["_id"] async for row in grouped]


async def heads_since(db: SystemDatabase, at: datetime) -> list[Document]:
    """Read the last row of each chain that has grown since a time."""
    rows = db.unscoped(AUDIT_LOGS, "the heads of all chains").find(
        {"writtenAt": {"$gte": at}}, _HEAD, sort=[("writtenAt", 1)]
    )
    heads: dict[Any, Document] = {}
    async for row in rows:
        known = heads.get(row["companyId"])
        if known is None or known["seq"] < row["seq"]:
            heads[row["companyId"]] = row
    return list(heads.values())


async def told_until(db: SystemDatabase) -> datetime | None:
    """Read up to when the heads were told."""
    row = await db[AUDIT_HEADS].find_one({"_id": "told"}, {"at": 1})
    return row["at"] if row else None


async def note_told(db: SystemDatabase, at: datetime) -> None:
    """Keep up to when the heads were told."""
    await db[AUDIT_HEADS].update_one({"_id": "told"}, {"$set": {"at": at}}, upsert=True)


async def remove_entries_to_come(db: SystemDatabase, tenant_id: TenantId) -> None:
    """Remove the jobs that tell of an erased company, whose log is gone; safe to repeat."""
    company_id = ObjectId(tenant_id)
    done = {"args.account_id": company_id, "state": "done"}
    await db[JOBS].delete_many({"$or": [{"args.company_id": company_id}, done]})


async def appended(db: SystemDatabase) -> AsyncIterator[tuple[ObjectId, ObjectId | None]]:
    """Read the shared database's jobs that say they told a chain, and whose; None is that of no company.

    A job about an account told the companies it worked in then, which nothing keeps: it is left out.
    """
    told = {"name": APPEND_CONTROL, "state": JobState.done}
    one_chain = [{"args.company_id": {"$ne": None}}, {"args.account_id": None}]
    async for job in db[JOBS].find({**told, "$or": one_chain}, {"args.company_id": 1}):
        yield job["_id"], job["args"].get("company_id")


async def rows_about(
    db: SystemDatabase, account_id: ObjectId, email: str
) -> dict[ObjectId | None, list[int]]:
    """Find, in every chain, the rows that tell of an account's person: their numbers by company."""
    rows = db.unscoped(AUDIT_LOGS, "a person is erased")
    theirs: Document = {"$or": [{"actor.id": str(account_id)}, {"personal.values.email": email}]}
    found: dict[ObjectId | None, list[int]] = {}
    async for row in rows.find(
        {**theirs, "personal": {"$exists": True}},
        {"companyId": 1, "seq": 1},
        sort=[("companyId", 1), ("seq", 1)],
    ):
        found.setdefault(row["companyId"], []).append(row["seq"])
    return found


async def forget_rows(db: SystemDatabase, company_id: ObjectId | None, numbers: Sequence[int]) -> None:
    """Take away what tells of a person in some rows of a chain, which still holds.

    Acts as *operator*: who writes the log cannot.
    """
    await CompanyScope(db, company_id)[AUDIT_LOGS].update_many(
        {"seq": {"$in": list(numbers)}}, {"$unset": {"personal": ""}}
    )


async def forget_in_jobs(db: SystemDatabase | TenantDatabase, account_id: ObjectId, email: str) -> None:
    """Take the same away in a database's jobs that tell the log, or have told it."""
    theirs = {"$or": [{"args.actor.id": str(account_id)}, {"args.values.email": email}]}
    emptied: Document = {"args.address": "", "args.agent": "", "args.values": {}}
    await db[JOBS].update_many({"name": {"$in": APPENDING}, **theirs}, {"$set": emptied})
