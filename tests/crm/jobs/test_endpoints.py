"""What a company is told of its own jobs."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from jazzaam.jobs.models import JOBS

ROW = {
    "name": "leads.import",
    "args": {"secret": "of the arguments"},
    "dueAt": datetime.now(UTC),
    "attempt": 1,
}


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ({"state": "queued"}, {"status": "queued", "done": None, "total": None}),
        ({"state": "running", "done": 3, "total": 9}, {"status": "running", "done": 3, "total": 9}),
        (
            {"state": "done", "result": {"made": 2, "file": ObjectId("b" * 24)}},
            {"status": "done", "result": {"made": 2, "file": "b" * 24}},
        ),
        (
            {"state": "dead", "lastError": "ConnectionError"},
            {"status": "failed", "error": "ConnectionError"},
        ),
        ({"state": "cancelled"}, {"status": "cancelled", "result": None, "error": None}),
    ],
)
async def test_a_job_is_told_without_its_arguments(client, acme, stored, told):
    job_id = ObjectId()
    await acme.db[JOBS].insert({"_id": job_id, **ROW, **stored})

    answer = await client.get(f"/api/v1/jobs/{job_id}", headers=acme.headers)

    assert answer.status_code == 200
    body = answer.json()
    assert body["id"] == str(job_id)
    assert {name: body[name] for name in told} == told
    assert "secret" not in answer.text


async def test_an_unknown_job_is_not_found_and_a_wrong_id_is_refused(client, acme):
    unknown = await client.get(f"/api/v1/jobs/{ObjectId()}", headers=acme.headers)
    wrong = await client.get("/api/v1/jobs/x", headers=acme.headers)

    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/JobNotFound")
    assert wrong.status_code == 422
