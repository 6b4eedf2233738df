"""The same MongoDB calls, projections and JSON as the server's, with nothing around them."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count as counter
from typing import Any, Self

from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from jazzaam.clock import SystemClock
from jazzaam.config import Settings
from jazzaam.control.accounts.repository import PROFILE_FIELDS
from jazzaam.crm.forms.schemas import StoredForm
from jazzaam.crm.leads.repository import DETAIL, SUMMARY
from jazzaam.crm.leads.service import new_lead
from jazzaam.crm.projections import projection_of
from jazzaam.web.json import resource, to_json

_numbers = counter()
_FORM = projection_of(StoredForm)
SYSTEM = "jazzaam_system"


class Bare:
    """One database of the demo, used directly."""

    def __init__(self, client: AsyncMongoClient[dict[str, Any]], name: str) -> None:
        self._client, self._db = client, client[name]
        self._system = client[SYSTEM]
        self._lead_id = self._form_id = ObjectId()
        self._account_id = ObjectId(name.rpartition("_")[2])

    @classmethod
    async def connect(cls, settings: Settings, tenant_id: str) -> Self:
        assert settings.mongodb_uri is not None
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            settings.mongodb_uri.get_secret_value(), tz_aware=True, w="majority"
        )
        bare = cls(client, f"jazzaam_company_{tenant_id}")
        lead = await bare._db.leads.find_one({}, {"_id": 1}, sort=[("createdAt", -1)])
        form = await bare._db.forms.find_one({"formType": "linkedin"}, {"_id": 1})
        assert lead
        assert form
        bare._lead_id, bare._form_id = lead["_id"], form["_id"]
        return bare

    async def close(self) -> None:
        await self._client.close()

    async def run(self, name: str, count: int, workers: int) -> None:
        call: Callable[[], Awaitable[object]] = getattr(self, name)

        async def worker(share: int) -> None:
            for _ in range(share):
                await call()

        await asyncio.gather(*(worker(count // workers) for _ in range(workers)))

    async def list(self) -> bytes:
        order = [("createdAt", -1), ("_id", -1)]
        leads = await self._db.leads.find(
            {}, SUMMARY, sort=order, limit=21, batch_size=22, max_time_ms=10_000
        ).to_list()
        return to_json({"items": [resource(lead) for lead in leads[:20]], "next": None})

    async def get(self) -> bytes:
        lead = await self._db.leads.find_one({"_id": self._lead_id}, DETAIL, max_time_ms=10_000)
        assert lead
        return to_json(resource(lead))

    async def me(self) -> bytes:
        """Read an account, where it works, and what those companies are called."""
        account = await self._system.companies.find_one(
            {"_id": self._account_id}, PROFILE_FIELDS, max_time_ms=10_000
        )
        assert account
        where = {"accountId": self._account_id, "isActive": True}
        shown = {"companyId": 1, "accountId": 1, "role": 1, "version": 1, "isActive": 1, "muted": 1}
        team = await self._system.memberships.find(
            where, shown, sort=[("_id", 1)], max_time_ms=10_000
        ).to_list()
        ids = [one["companyId"] for one in team]
        names = await self._system.companies.find(
            {"_id": {"$in": ids}}, {"companyName": 1}, max_time_ms=10_000
        ).to_list()
        known = {one["_id"]: one["companyName"] for one in names}
        memberships = [
            {"companyId": one["companyId"], "companyName": known[one["companyId"]], "role": one["role"]}
            for one in team
        ]
        return to_json({"id": account["_id"], "email": account["email"], "memberships": memberships})

    async def submit(self) -> bytes:
        form = await self._db.forms.find_one(
            {"_id": self._form_id, "status": "active"}, _FORM, max_time_ms=10_000
        )
        assert form
        now = SystemClock().now()
        profile = f"https://www.linkedin.com/in/bare-{next(_numbers)}"
        known = {
            "platform": "linkedin",
            "platformUrl": profile,
            "profileUrl": profile,
            "source": "linkedin",
        }
        lead = {**new_lead(known, now), "facets": ["platform:linkedin", "status:new"], "revision": 1}
        about = {"leadId": lead["_id"], "at": now, "actor": {"kind": "publicKey", "id": "x"}, "v": 1}
        submission = ObjectId()
        answers = {"formId": self._form_id, "leadId": lead["_id"], "values": {"linkedinUrl": profile}}
        args = {"lead_id": lead["_id"], "form_id": self._form_id, "submission_id": submission}
        async with self._client.start_session() as session:
            await session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
            await self._db.leads.insert_one(lead, session=session)
            await self._db.submissions.insert_one(
                {"_id": submission, **answers, "at": now}, session=session
            )
            await self._db.activities.insert_many(
                [
                    {"kind": "lead.created", "data": {"source": "linkedin"}, **about},
                    {"kind": "lead.captured", "data": args, **about},
                ],
                session=session,
            )
            await self._db.jobs.insert_many(
                [{"name": "bench", "args": args, "state": "done", "dueAt": now, "attempt": 0}],
                session=session,
            )
            await session.commit_transaction()
        return to_json({"submissionId": submission, "message": "ok", "redirectUrl": None})
