"""Who did what: told in the change itself, appended to a chain that cannot be changed unseen."""

import asyncio

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure
from tests.conftest import PASSWORD

from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.audit import repository
from jazzaam.control.audit.models import AUDIT_LOGS
from jazzaam.control.audit.verifying import Finding, verify_chain
from jazzaam.control.erasing import forget_in_logs
from jazzaam.control.memberships.models import Actor, ActorKind
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.plane import ControlPlane
from jazzaam.features import registry
from jazzaam.jobs.models import JOBS
from jazzaam.jobs.registry import Fired
from jazzaam.tenancy.database import CompanyScope
from jazzaam.tenancy.users import AUDITOR


@pytest.fixture
def entries(client, acme, run_jobs):
    """The company's log, the newest first, when everything that was told has been appended."""

    async def entries(query="", headers=None):
        await run_jobs()
        await run_jobs(acme)
        answer = await client.get(f"/api/v1/audit-log?limit=100{query}", headers=headers or acme.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    return entries


async def test_what_is_done_is_told_with_who_from_where_and_what(client, acme, entries):
    headers = {**acme.headers, "User-Agent": "Lynx/2.9", "X-Request-ID": "asked-1"}
    await client.patch("/api/v1/company/settings", json={"timezone": "Asia/Tokyo"}, headers=headers)

    told = (await entries("&action=settings_change"))[0]

    assert told["actor"] == {"kind": "account", "id": acme.id}
    assert (told["fields"], told["values"]) == (["timezone"], {"timezone": "Asia/Tokyo"})
    assert (told["ipAddress"], told["userAgent"], told["requestId"]) == ("127.0.0.1", "Lynx/2.9", "asked-1")
    assert told["status"] == "success"


async def test_a_change_that_fails_is_not_told(client, acme, entries):
    before = len(await entries())

    refused = await client.patch(
        "/api/v1/company", json={"industry": "x"}, headers={**acme.headers, "If-Match": '"99"'}
    )

    assert refused.status_code == 412
    assert len(await entries()) == before


async def test_sign_ins_are_told_also_those_that_fail(client, acme, entries):
    for password in (PASSWORD, "not the right one"):
        await client.post("/api/v1/auth/login", json={"email": acme.email, "password": password})

    told = await entries("&action=login")

    assert [one["status"] for one in told[:2]] == ["failed", "success"]
    assert told[0]["values"] == {"email": acme.email}
    assert PASSWORD not in str(told)


async def test_what_is_about_an_account_is_told_to_each_company_it_works_in_and_no_other(
    client, acme, globex, join, entries, run_jobs
):
    person, _ = await join(acme)

    await client.post(
        "/api/v1/auth/change-password",
        json={"oldPassword": PASSWORD, "newPassword": "a wholly different sentence"},
        headers=person.headers,
    )

    assert [one["resourceId"] for one in await entries("&resource=password")] == [person.id]
    assert await entries("&resource=password", globex.headers) == []


async def test_an_entry_is_told_once_however_often_its_job_runs(acme, entries, plane, application):
    await entries()
    job = (
        await plane.db[JOBS]
        .find({"name": "audit.append_control", "args.company_id": ObjectId(acme.id)}, {"args": 1, "v": 1})
        .to_list()
    )[0]
    event = registry().find("audit.append_control").message(job["args"], 1)
    trail, rows = application.control.trail, CompanyScope(plane.db, event.company_id)[AUDIT_LOGS]
    before = await rows.count({})

    await asyncio.gather(
        *(trail.append(event.company_id, job["_id"], event, plane.clock.now()) for _ in range(5))
    )

    assert await rows.count({}) == before


async def test_many_at_once_make_one_chain(client, acme, entries, application, plane):
    trail, company = application.control.trail, ObjectId(acme.id)
    await entries()
    job = (
        await plane.db[JOBS]
        .find({"name": "audit.append_control", "args.company_id": ObjectId(acme.id)}, {"args": 1, "v": 1})
        .to_list()
    )[0]
    event = registry().find("audit.append_control").message(job["args"], 1)

    await asyncio.gather(*(trail.append(company, ObjectId(), event, plane.clock.now()) for _ in range(20)))

    assert (await verify(application, acme)).findings == []


async def test_who_writes_the_log_can_neither_change_nor_remove_a_row(application, acme, entries):
    await entries()
    rows = application.deployment.clusters.client("main", AUDITOR)["jazzaam_system"]["auditlogs"]

    assert await rows.find_one({"companyId": ObjectId(acme.id)}) is not None
    for write in (
        rows.update_one({}, {"$set": {"action": "x"}}),
        rows.delete_many({}),
        rows.database["companies"].find_one({}),
    ):
        with pytest.raises(OperationFailure) as refused:
            await write
        assert refused.value.code == 13


async def test_the_log_is_read_by_filter_and_page(client, acme, entries):
    for industry in ("A", "B", "C"):
        await client.patch("/api/v1/company", json={"industry": industry}, headers=acme.headers)
    await entries()
    path = f"/api/v1/audit-log?resource=company&accountId={acme.id}&limit=2"

    first = (await client.get(path, headers=acme.headers)).json()
    second = (await client.get(f"{path}&after={first['next']}", headers=acme.headers)).json()

    assert [one["values"]["industry"] for one in first["items"] + second["items"]] == ["C", "B", "A"]
    other = await client.get(f"/api/v1/audit-log?after={first['next']}", headers=acme.headers)
    assert other.status_code == 422


async def test_a_member_does_not_read_it(client, acme, join):
    _, headers = await join(acme, Role.member)

    assert (await client.get("/api/v1/audit-log", headers=headers)).status_code == 403


async def verify(application, company, heads=()):
    return await verify_chain(
        application.deployment.system(), application.audit_keyring, ObjectId(company.id), list(heads)
    )


class TestVerifying:
    @pytest.fixture
    async def chain(self, client, acme, entries, application):
        for industry in ("A", "B", "C", "D"):
            await client.patch("/api/v1/company", json={"industry": industry}, headers=acme.headers)
        await entries()
        report = await verify(application, acme)
        assert report.findings == []
        assert report.rows >= 4
        return application.deployment.clusters.client("main")["jazzaam_system"]["auditlogs"]

    async def test_a_changed_row_is_found(self, chain, acme, application):
        changed = {"$set": {"action": "delete"}}
        await chain.update_one({"companyId": ObjectId(acme.id), "seq": 2}, changed)

        assert Finding.changed in kinds(await verify(application, acme))

    async def test_a_changed_personal_part_is_found(self, chain, acme, application):
        changed = {"$set": {"personal.ipAddress": "203.0.113.9"}}
        await chain.update_one({"companyId": ObjectId(acme.id), "seq": 2}, changed)

        assert Finding.changed in kinds(await verify(application, acme))

    async def test_a_removed_row_is_found(self, chain, acme, application):
        await chain.delete_one({"companyId": ObjectId(acme.id), "seq": 2})

        assert Finding.missing in kinds(await verify(application, acme))

    async def test_reordered_rows_are_found(self, chain, acme, application):
        mine = {"companyId": ObjectId(acme.id)}
        for before, after in ((2, -1), (3, 2), (-1, 3)):
            await chain.update_one({**mine, "seq": before}, {"$set": {"seq": after}})

        assert Finding.changed in kinds(await verify(application, acme))

    async def test_a_row_of_another_company_is_found(self, chain, acme, globex, application):
        row = await chain.find_one({"companyId": ObjectId(acme.id)}, sort=[("seq", -1)])
        await chain.insert_one({**row, "_id": ObjectId(), "companyId": ObjectId(globex.id), "seq": 1})

        assert Finding.changed in kinds(await verify(application, globex))

    async def test_a_chain_that_was_cut_off_is_found_by_its_head(
        self, chain, acme, application, plane, run_control_job
    ):
        await run_control_job("audit.tell_heads")
        heads = [one for one in plane.services.audit_heads.told() if one.company == acme.id]
        last = await chain.find_one({"companyId": ObjectId(acme.id)}, sort=[("seq", -1)])
        assert heads[-1].seq == last["seq"]

        await chain.delete_one({"_id": last["_id"]})

        assert kinds(await verify(application, acme)) == []
        assert kinds(await verify(application, acme, heads)) == [Finding.cut_off]

    async def test_an_erased_person_leaves_a_chain_that_holds(self, chain, acme, application, run_jobs):
        system = application.deployment.system()
        plane = ControlPlane(system, application.control)
        account = await AccountRepository(system).get(ObjectId(acme.id))
        before = await repository.rows_about(system, account.id, account.email)
        await forget_in_logs(plane, account, Actor(ActorKind.operator, "cli"))
        early = await verify(application, acme)
        await run_jobs()

        report = await verify(application, acme)
        erased = len(before[ObjectId(acme.id)])
        assert erased >= 4
        assert {one.finding for one in early.findings} == {Finding.emptied}  # its entry waits
        assert report.findings == []
        assert report.erased == erased

    async def test_a_row_that_is_emptied_without_an_entry_counts_as_tampered_with(
        self, chain, acme, application
    ):
        """Whoever emptied the rows of what they had done was taken for a person that was erased."""
        two = {"companyId": ObjectId(acme.id), "seq": {"$in": [1, 3]}}
        await chain.update_many(two, {"$unset": {"personal": ""}})

        report = await verify(application, acme)

        assert [(one.seq, one.finding) for one in report.findings] == [
            (1, Finding.emptied),
            (3, Finding.emptied),
        ]
        assert report.erased == 0


def kinds(report):
    return [one.finding for one in report.findings]


@pytest.fixture
def run_control_job(application, plane):
    async def run(name):
        job = registry().find(name)

        await job.run(plane, Fired(fire_at=plane.clock.now()))

    return run
