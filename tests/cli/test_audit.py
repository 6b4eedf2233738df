"""`jazzaam audit verify`, `admins` and `companies`, as an operator types them."""

import pytest
from bson import ObjectId

from jazzaam.control.audit.heads import Head
from jazzaam.control.audit.models import AUDIT_LOGS
from jazzaam.control.audit.repository import AuditRepository
from jazzaam.jobs.models import JOBS
from jazzaam.tenancy.users import OPERATOR


@pytest.fixture
async def told(client, acme, run_jobs):
    """A company whose log has some rows."""
    for industry in ("A", "B"):
        await client.patch("/api/v1/company", json={"industry": industry}, headers=acme.headers)
    await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)
    await run_jobs()
    await run_jobs(acme)
    return acme


@pytest.fixture
def rows(application):
    return application.deployment.clusters.client("main", OPERATOR)["jazzaam_system"][AUDIT_LOGS.name]


async def test_a_whole_log_is_right(command, told):
    status, out, _ = await command("audit", "verify", told.id)

    assert status == 0
    assert f"{told.id}: " in out
    assert "Nothing is wrong." in out


async def test_a_changed_row_and_a_removed_one_are_named(command, told, rows):
    await rows.update_one({"companyId": ObjectId(told.id), "seq": 1}, {"$set": {"status": "failed"}})
    await rows.delete_one({"companyId": ObjectId(told.id), "seq": 2})

    status, out, _ = await command("audit", "verify", told.id)

    assert status == 1
    assert f"{told.id}: row 1 was changed" in out
    assert f"{told.id}: row 2 is missing" in out


async def test_an_end_that_was_cut_off_is_missed_by_the_heads(command, told, rows, plane, tmp_path):
    tail = await AuditRepository(plane.db, ObjectId(told.id)).tail()
    heads = tmp_path / "heads.jsonl"
    head = Head("2026-01-01T00:00:00Z", told.id, tail["seq"], tail["code"].hex())
    heads.write_text(
        f'{{"at": "{head.at}", "company": "{told.id}", "seq": {head.seq}, "code": "{head.code}"}}\n'
    )
    assert (await command("audit", "verify", told.id, "--heads", str(heads)))[0] == 0

    await rows.delete_one({"_id": tail["_id"]})

    status, out, _ = await command("audit", "verify", told.id, "--heads", str(heads))
    assert status == 1
    assert f"row {head.seq} was told outside MongoDB" in out


async def test_what_waits_is_told_and_what_was_given_up_is_wrong(command, client, told):
    await told.db[JOBS].delete_many({})
    await client.post("/api/v1/forms/platforms/meta", headers=told.headers)

    status, out, _ = await command("audit", "verify", told.id)
    assert status == 0
    assert f"{told.id}: 1 entry waits to be appended" in out

    await told.db[JOBS].update_one({"name": "audit.append"}, {"$set": {"state": "dead"}})
    assert (await command("audit", "verify", told.id))[0] == 1


async def test_an_appended_entry_that_is_gone_is_missed_by_its_job(command, told, rows):
    job = await told.db[JOBS].find_one({"name": "audit.append", "state": "done"}, {"_id": 1})
    await rows.delete_one({"jobId": job["_id"]})

    status, out, _ = await command("audit", "verify", told.id)

    assert status == 1
    assert f"the entry of the job {job['_id']} was appended, and is gone" in out


async def test_an_entry_of_the_shared_database_that_is_gone_is_missed_too(command, told, rows, plane):
    job = await plane.db[JOBS].find_one(
        {"name": "audit.append_control", "state": "done", "args.company_id": ObjectId(told.id)}, {"_id": 1}
    )
    await rows.delete_one({"jobId": job["_id"]})

    status, out, _ = await command("audit", "verify", told.id)

    assert status == 1
    assert f"{told.id}: the entry of the job {job['_id']} was appended, and is gone" in out


async def test_whether_there_are_heads_is_told_and_a_named_file_must_be_there(
    command, told, tmp_path, application
):
    heads = tmp_path / "heads.jsonl"

    status, _, err = await command("audit", "verify", told.id, "--heads", str(heads))
    assert (status, f"there is no file {heads}" in err) == (2, True)

    heads.touch()
    assert f"0 heads in {heads}" in (await command("audit", "verify", told.id, "--heads", str(heads)))[1]


async def test_what_the_operator_closes_and_opens_stands_in_the_log(command, client, acme, run_jobs):
    for words in (("suspend",), ("resume",), ("delete",), ("resume",)):
        assert (await command("tenants", *words, acme.id))[0] == 0
    await run_jobs()

    entries = (await client.get("/api/v1/audit-log", headers=acme.headers)).json()["items"]
    done = [one["action"] for one in entries if one["actor"]["kind"] == "operator"]
    assert sorted(done) == ["delete", "restore", "restore", "suspend"]


async def test_a_file_of_heads_that_is_none_is_named(command, told, tmp_path):
    heads = tmp_path / "heads.jsonl"
    heads.write_text("nonsense\n")

    status, _, err = await command("audit", "verify", told.id, "--heads", str(heads))

    assert (status, "line 1 is no head" in err) == (2, True)


async def test_what_the_operator_does_stands_in_the_companys_log(command, client, acme, run_jobs, tmp_path):
    await command("tenants", "export", acme.id, str(tmp_path / "acme.capsule"))
    await command("companies", "set-plan", acme.id, "growth")
    await run_jobs()

    entries = (await client.get("/api/v1/audit-log", headers=acme.headers)).json()["items"]
    done = {(one["action"], one["actor"]["kind"]) for one in entries}
    assert {("export", "operator"), ("subscription_change", "operator")} <= done


async def test_a_plan_changes_what_is_allowed(command, client, acme):
    status, out, _ = await command("companies", "set-plan", acme.id, "starter")

    assert (status, "starter" in out) == (0, True)
    assert (await client.get("/api/v1/company", headers=acme.headers)).json()[
        "subscriptionPlan"
    ] == "starter"
    limits = (await client.get("/api/v1/company/usage", headers=acme.headers)).json()["limits"]
    assert next(one["allowed"] for one in limits if one["name"] == "leads") == 25_000


async def test_nobody_changes_a_plan_by_the_api(client, acme):
    """The original let any company set its own plan (S-11)."""
    answer = await client.patch("/api/v1/company", json={"subscriptionPlan": "pro"}, headers=acme.headers)

    assert answer.status_code == 422


class TestAdmins:
    async def test_an_account_is_made_an_admin_and_no_more(self, command, client, acme):
        status, _, _ = await command("admins", "add", acme.email.upper())
        assert status == 0
        assert (await client.get("/api/v1/me", headers=acme.headers)).json()["platformAdmin"] is True
        assert acme.email in (await command("admins", "list"))[1]

        await command("admins", "remove", acme.email)

        assert (await client.get("/api/v1/me", headers=acme.headers)).json()["platformAdmin"] is False
        assert acme.email not in (await command("admins", "list"))[1]

    async def test_nobodys_address_is_named(self, command):
        status, _, err = await command("admins", "add", "nobody@example.com")

        assert (status, "has no account" in err) == (2, True)
