import asyncio
from datetime import datetime, timedelta

import pytest
from tests.conftest import PASSWORD

from jazzaam.control.memberships.permissions import Role
from jazzaam.tenancy.models import TenantId

COMPANY = "/api/v1/company"


async def delete(client, headers, password=PASSWORD):
    return await client.request("DELETE", COMPANY, json={"password": password}, headers=headers)


async def restore(client, headers):
    return await client.post(f"{COMPANY}/restore", headers=headers)


async def test_it_is_closed_within_a_second_and_can_be_restored(client, acme, join, application):
    form = (await client.post("/api/v1/forms/platforms/meta", headers=acme.headers)).json()
    _, colleague = await join(acme)
    page = f"/api/v1/public/forms/{form['accessToken']}"

    answer = await delete(client, acme.headers)

    assert answer.status_code == 202
    ends = datetime.fromisoformat(answer.json()["eraseAfter"])
    assert ends - application.control.clock.now() > timedelta(days=29)
    async with asyncio.timeout(1):
        while (await client.get("/api/v1/leads", headers=colleague)).status_code != 403:
            await asyncio.sleep(0.01)
    assert (await client.get("/api/v1/leads", headers=acme.headers)).json()["type"].endswith("Suspended")
    assert (await client.get(page)).status_code == 404
    assert (await client.get("/api/v1/me", headers=acme.headers)).status_code == 200

    assert (await restore(client, acme.headers)).status_code == 204

    async with asyncio.timeout(1):
        while (await client.get("/api/v1/leads", headers=colleague)).status_code != 200:
            await asyncio.sleep(0.01)
    assert (await client.get(page)).status_code == 200
    assert acme.id not in await application.deployment.erasure.planned()


async def test_its_owners_are_mailed_and_its_log_tells_of_it(client, acme, join, run_jobs, mails_to):
    second, _ = await join(acme, Role.owner)
    member, _ = await join(acme)
    await delete(client, acme.headers)
    await run_jobs()
    await restore(client, acme.headers)
    await run_jobs()

    for owner in (acme, second):
        assert "is erased after" in mails_to(owner.email)[-1].get_content()
    assert mails_to(member.email) == []
    told = (await client.get("/api/v1/audit-log", headers=acme.headers)).json()["items"]
    assert {("delete", "company"), ("restore", "company")} <= {
        (one["action"], one["resource"]) for one in told
    }


async def test_it_takes_the_password(client, acme):
    answer = await delete(client, acme.headers, "not the password")

    assert answer.json()["type"] == "/problems/WrongPassword"
    assert (await client.get("/api/v1/leads", headers=acme.headers)).status_code == 200


@pytest.mark.parametrize("role", [Role.admin, Role.member, Role.viewer])
async def test_only_an_owner_ends_a_company_or_brings_it_back(client, acme, join, role):
    _, headers = await join(acme, role)

    assert (await delete(client, headers)).status_code == 403
    await delete(client, acme.headers)
    assert (await restore(client, headers)).status_code == 403


async def test_what_the_operator_closed_stays_closed(client, acme, globex, application):
    erasure = application.deployment.erasure
    await delete(client, acme.headers)
    await erasure.suspend(TenantId(acme.id))
    await erasure.suspend(TenantId(globex.id))

    for company in (acme, globex):
        answer = await restore(client, company.headers)
        assert answer.json()["type"] == "/problems/NotRestorable"
        assert (await client.get("/api/v1/leads", headers=company.headers)).status_code == 403
    assert (await delete(client, globex.headers)).status_code == 403
    await erasure.resume(TenantId(acme.id))


async def test_after_the_grace_period_nothing_is_left(client, acme, application, run_jobs):
    await delete(client, acme.headers)
    later = application.control.clock.now() + timedelta(days=31)

    await application.deployment.erasure.close_due(later)
    assert (await restore(client, acme.headers)).status_code == 409
    await application.deployment.erasure.finish(TenantId(acme.id), later)

    assert await application.deployment.tenancy.catalog.find(TenantId(acme.id)) is None
    async with asyncio.timeout(1):
        while (await client.get("/api/v1/me", headers=acme.headers)).status_code != 401:
            await asyncio.sleep(0.01)


async def test_a_company_that_is_open_has_nothing_to_restore(client, acme):
    assert (await restore(client, acme.headers)).status_code == 409
