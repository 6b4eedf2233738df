"""Every query on sessions: they are found by their own id, or by their account."""

from datetime import datetime
from typing import Final

from bson import ObjectId

from jazzaam.control.accounts.models import SESSION_LASTS, SESSIONS, Session
from jazzaam.control.audit.models import Origin
from jazzaam.tenancy.database import Document, SystemDatabase

_SESSION_FIELDS: Final = {
    "accountId": 1,
    "companyId": 1,
    "membershipId": 1,
    "generation": 1,
    "grantId": 1,
    "seed": 1,
    "refreshedAt": 1,
    "authenticatedAt": 1,
    "expiresAt": 1,
}
_SHOWN_SESSION: Final = {"companyId": 1, "address": 1, "agent": 1, "createdAt": 1, "refreshedAt": 1}
_MOST_SHOWN: Final = 200


class SessionRepository:
    """Sessions, found by their own id."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db
        self._rows = db.unscoped(SESSIONS, "the session's own rows")

    async def add(self, session: Session, origin: Origin, at: datetime, ends_at: datetime) -> None:
        """Write a new session, with where it was begun."""
        await self._rows.insert(
            {
                "_id": session.id,
                "accountId": session.account_id,
                "companyId": session.company_id,
                "membershipId": session.membership_id,
                "grantId": session.grant_id,
                "parentId": session.parent_id,
                "authenticatedAt": session.authenticated_at,
                "generation": session.generation,
                "seed": session.seed,
                "address": origin.address,
                "agent": origin.agent,
                "createdAt": at,
                "refreshedAt": at,
                "expiresAt": ends_at,
            }
        )

    async def find(self, session_id: ObjectId, at: datetime) -> Document | None:
        """Read a session that has not ended."""
        return await self._rows.find_one({"_id": session_id, "expiresAt": {"$gt": at}}, _SESSION_FIELDS)

    async def of_account(self, account_id: ObjectId, at: datetime) -> list[Document]:
        """List where an account is signed in, the newest first."""
        found = self._rows.find(
            {"accountId": account_id, "expiresAt": {"$gt": at}},
            _SHOWN_SESSION,
            sort=[("createdAt", -1)],
            limit=_MOST_SHOWN,
        )
        return await found.to_list()

    async def advance(self, session_id: ObjectId, generation: int, at: datetime) -> bool:
        """Use up `generation` of a session; False when somebody else did."""
        return await self._rows.update_one(
            {"_id": session_id, "generation": generation},
            {
                "$inc": {"generation": 1},
                "$set": {"refreshedAt": at, "expiresAt": at + SESSION_LASTS},
            },
        )

    async def use(self, session_id: ObjectId, at: datetime) -> bool:
        """Use a session for what must not outlive it, in the running change; False when it has ended."""
        return await self._rows.update_one(
            {"_id": session_id, "expiresAt": {"$gt": at}}, {"$set": {"usedAt": at}}
        )

    async def end_in_company(self, account_id: ObjectId, company_id: ObjectId) -> None:
        """End an account's sessions in a company, and those begun from them."""
        there = self._rows.find({"accountId": account_id, "companyId": company_id}, {"_id": 1})
        ids = [row["_id"] async for row in there]
        theirs = {"$or": [{"companyId": company_id}, {"parentId": {"$in": ids}}]}
        await self._rows.delete_many({"accountId": account_id, **theirs})

    async def confirm(self, session_id: ObjectId, at: datetime) -> bool:
        """Note that who is signed in has proved who they are; False when the session has ended."""
        return await self._rows.update_one(
            {"_id": session_id, "expiresAt": {"$gt": at}}, {"$set": {"authenticatedAt": at}}
        )

    async def end(self, session_id: ObjectId, account_id: ObjectId) -> bool:
        """End a session of an account, and those begun from it; False when there is none."""
        theirs = {"accountId": account_id, "$or": [{"_id": session_id}, {"parentId": session_id}]}
        return await self._rows.delete_many(theirs) > 0

    async def end_all(self, account_id: ObjectId, *, but: ObjectId | None = None) -> int:
        """End all sessions of an account, but one; gives how many there were."""
        return await self._rows.delete_many({"accountId": account_id, "_id": {"$ne": but}})
