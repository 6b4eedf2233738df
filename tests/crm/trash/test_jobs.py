"""The trash forgets what is older than thirty days, and nothing else."""

from datetime import timedelta

import pytest
from bson import ObjectId

from jazzaam.crm.dependencies import workspace_for_job
from jazzaam.crm.records import TRASH, TRASH_KEPT
from jazzaam.crm.trash.jobs import empty_trash
from jazzaam.jobs.registry import Fired
from jazzaam.jobs.run import Run


@pytest.fixture
def now(application):
    return application.control.clock.now()


async def test_what_is_older_than_thirty_days_is_forgotten(acme, application, now):
    old, young = now - TRASH_KEPT - timedelta(seconds=1), now - TRASH_KEPT + timedelta(minutes=5)
    for at, count in ((old, 1_200), (young, 3)):
        rows = [{"_id": ObjectId(), "kind": "leads", "document": {}, "at": at} for _ in range(count)]
        await acme.db[TRASH].insert_all(rows)
    workspace = workspace_for_job(acme.db, ObjectId(), application.workspaces)

    forgotten = await empty_trash.run(workspace, Fired(now), run=Run(ObjectId(), 1, workspace, _nothing))

    assert forgotten == 1_200
    assert await acme.db[TRASH].count({}) == 3


async def _nothing(_done, _total):
    pass
