"""A dedicated company's own MongoDB user may write any row into its jobs: it harms nobody but itself."""

import asyncio
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure
from tests.conftest import at_work
from tests.jobs.conftest import Happened, note

from jazzaam.composition import compose
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS
from jazzaam.tenancy.models import Tier
from jazzaam.tenancy.users import OPERATOR


@pytest.fixture
async def its_own(acme, settings, application):
    """Acme's database as its own MongoDB user reaches it."""
    operator = compose(settings, user=OPERATOR)
    now = datetime.now(UTC)
    await operator.deployment.credentials.set_tier(acme.id, Tier.dedicated, now)
    await operator.deployment.close()
    with await application.deployment.tenancy.open(acme.id) as db:
        yield db


async def test_a_job_that_names_another_company_changes_nothing_there(process, acme, globex, its_own):
    theirs = outbox.row_of(note, Happened(what="theirs"), datetime.now(UTC), datetime.now(UTC))
    await outbox.enqueue(globex.db, [theirs])
    row = {"name": "test.note", "state": "queued", "dueAt": datetime.now(UTC), "attempt": 0, "v": 1}
    forged = [
        {**row, "_id": ObjectId(), "args": {"what": "own"}, "tenantId": globex.id, "cluster": "main"},
        {**row, "_id": theirs["_id"], "args": {"what": "own"}, "database": globex.db.tenant.database},
        {**row, "_id": ObjectId(), "args": {"what": "own", "tenant_id": globex.id}},
    ]
    await its_own.raw["jobs"].insert_many(forged)

    async with at_work(process), asyncio.timeout(20):
        while await outbox.waiting(globex.db) or await its_own[JOBS].count({"state": "queued"}):
            await asyncio.sleep(0.02)

    kinds = [one["kind"] async for one in globex.db[NOTIFICATIONS].find({}, {"kind": 1})]
    assert kinds == ["theirs"]
    assert await its_own[NOTIFICATIONS].count({"kind": "own"}) == 2
    states = {one["_id"]: one["state"] async for one in its_own[JOBS].find({}, {"state": 1})}
    assert [states[one["_id"]] for one in forged] == ["done", "done", "dead"]


async def test_it_reaches_no_other_companys_jobs(globex, its_own):
    with pytest.raises(OperationFailure):
        await its_own.client[globex.db.tenant.database]["jobs"].insert_one({"name": "x"})
