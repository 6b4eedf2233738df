"""`jazzaam accounts erase`: a person goes, and what they did stays without them."""

import pytest
from bson import ObjectId
from tests.conftest import PASSWORD

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.permissions import Role
from jazzaam.jobs.models import JOBS
from jazzaam.tenancy.users import OPERATOR

AGENT = {"User-Agent": "A program that somebody used"}


@pytest.fixture
def stored(application):
    """Everything that names somebody, in the shared database and in some companies'."""

    async def stored(*names, companies=()):
        client, found = application.deployment.clusters.client("main", OPERATOR), []
        for database in ("jazzaam_system", *(one.db.tenant.database for one in companies)):
            for collection in await client[database].list_collection_names():
                async for row in client[database][collection].find({}):
                    found += [(collection, name) for name in names if name in str(row)]
        return found

    return stored


async def test_nothing_tells_of_a_person_that_was_erased(
    command, client, acme, globex, join, stored, run_jobs, plane
):
    person, headers = await join(acme)
    email, secret = person.email, (await client.get("/api/v1/me", headers=headers)).json()["id"]
    for company in (acme, globex):
        body = {"email": email, "role": "member"}
        await client.post("/api/v1/invitations", json=body, headers=company.headers)
    await client.patch("/api/v1/me", json={"fullName": "Grace Hopper"}, headers=headers)
    await client.post("/api/v1/leads", json={"platform": "other", "fullName": "A lead"}, headers=headers)
    await client.post("/api/v1/waitlist", json={"email": email, "name": "Grace Hopper"})
    message = {"fullName": "Grace Hopper", "email": email, "message": "Hello"}
    await client.post("/api/v1/contact", json=message)
    await client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"}, headers=AGENT)
    await client.post("/api/v1/auth/forgot-password", json={"email": email})
    await run_jobs()
    await run_jobs(acme)
    await client.post("/api/v1/forms", json={"name": "F"}, headers={**headers, **AGENT})  # told later
    assert {name for _, name in await stored(email, AGENT["User-Agent"])} == {email, AGENT["User-Agent"]}

    status, out, _ = await command("accounts", "erase", email.upper())

    assert status == 0, out
    assert secret in out
    await run_jobs()
    await run_jobs(acme)
    traces = await stored(email, "Grace Hopper", AGENT["User-Agent"], companies=(acme, globex))
    assert traces == []
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401
    leads = (await client.get("/api/v1/leads", headers=acme.headers)).json()["items"]
    assert [lead["fullName"] for lead in leads] == ["A lead"]
    status, out, _ = await command("audit", "verify", acme.id)
    assert (status, "of erased persons" in out) == (0, True)


async def test_a_company_that_shares_the_accounts_document_goes_on(
    command, client, acme, join, stored, plane
):
    successor, headers = await join(acme, Role.owner)

    assert (await command("accounts", "erase", acme.email))[0] == 0

    assert (await client.get("/api/v1/company", headers=headers)).json()["companyName"] == "Acme"
    assert await stored(acme.email) == []
    login = {"email": acme.email, "password": PASSWORD}
    assert (await client.post("/api/v1/auth/login", json=login)).status_code == 401
    members = (await client.get("/api/v1/members", headers=headers)).json()["items"]
    assert [one["id"] for one in members] == [successor.id]
    row = await plane.db.raw[COMPANIES.name].find_one({"_id": ObjectId(acme.id)})
    assert "password" not in row


async def test_the_only_owner_is_not_erased(command, client, acme, plane):
    status, _, err = await command("accounts", "erase", acme.email)

    assert (status, f"the only owner of the company {acme.id}" in err) == (2, True)
    assert (await client.get("/api/v1/me", headers=acme.headers)).status_code == 200
    jobs = plane.db.raw[JOBS.name]
    assert await jobs.count_documents({"args.account_id": ObjectId(acme.id), "args.action": "delete"}) == 0


async def test_nobodys_address_is_named(command):
    status, _, err = await command("accounts", "erase", "nobody@example.com")

    assert (status, "has no account" in err) == (2, True)
