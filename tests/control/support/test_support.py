import asyncio
from datetime import timedelta

import pytest
from bson import ObjectId
from tests.conftest import PASSWORD
from tests.conftest import enter as enter_company

from jazzaam.control.accounts.models import SESSIONS, Session
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.accounts.tokens import write_refresh_token
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.support.repository import SupportGrantRepository

GRANTS = "/api/v1/company/support-grants"


async def let_in(client, company, minutes=60):
    answer = await client.post(
        GRANTS, json={"reason": "A lead is missing", "minutes": minutes}, headers=company.headers
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def enter(client, admin, company):
    answer = await client.post(f"/api/v1/admin/tenants/{company.id}/enter", headers=admin.headers)
    if answer.status_code != 200:
        return answer.status_code
    assert "refreshToken" not in answer.json(), "one that would be refused"
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}


async def test_without_a_grant_there_is_no_door(client, acme, globex, admin):
    await let_in(client, globex)

    assert await enter(client, admin, acme) == 404
    switched = await client.post(
        "/api/v1/auth/switch-company", json={"companyId": acme.id}, headers=admin.headers
    )
    assert switched.status_code == 404
    assert (await client.get("/api/v1/leads", headers=admin.headers)).status_code == 403


async def test_with_one_an_admin_reads_and_nothing_more(client, acme, admin):
    lead = (await client.post("/api/v1/leads", json={"fullName": "Ada"}, headers=acme.headers)).json()
    await let_in(client, acme)

    headers = await enter(client, admin, acme)

    one = f"/api/v1/leads/{lead['id']}"
    assert (await client.get("/api/v1/leads", headers=headers)).json()["items"][0]["id"] == lead["id"]
    assert (await client.get("/api/v1/company", headers=headers)).status_code == 200
    for method, path, body in (
        ("post", "/api/v1/leads", {"fullName": "B"}),
        ("patch", one, {"notes": "x"}),
        ("delete", one, None),
        ("post", "/api/v1/forms/platforms/meta", None),
        ("get", "/api/v1/audit-log", None),
        ("get", "/api/v1/invitations", None),
        ("post", "/api/v1/api-keys", {"name": "k", "scopes": ["leads:read"]}),
        ("patch", "/api/v1/company", {"industry": "x"}),
        ("post", GRANTS, {"reason": "more of it"}),
    ):
        assert (await client.request(method, path, json=body, headers=headers)).status_code == 403, path


async def test_a_look_is_never_refreshed(client, acme, admin, plane):
    """Not even with a token that we signed."""
    await let_in(client, acme)
    await enter(client, admin, acme)
    row = await plane.db.unscoped(SESSIONS, "a test").find_one(
        {"companyId": ObjectId(acme.id), "grantId": {"$ne": None}}, {"seed": 1, "accountId": 1}
    )
    look = Session(row["_id"], row["accountId"], ObjectId(acme.id), None, 0, 1, row["seed"])

    token = write_refresh_token(plane.services.keyring, look)

    refreshed = await client.post("/api/v1/auth/refresh", json={"refreshToken": token})
    assert refreshed.status_code == 401


async def test_nobody_else_enters(client, acme, globex):
    await let_in(client, acme)

    assert await enter(client, globex, acme) == 403
    assert await enter(client, acme, acme) == 403


async def test_a_grant_that_is_ended_ends_the_look_within_a_second(client, acme, admin):
    grant = await let_in(client, acme)
    headers = await enter(client, admin, acme)
    assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200

    assert (await client.delete(f"{GRANTS}/{grant}", headers=acme.headers)).status_code == 204

    async with asyncio.timeout(1):
        while (await client.get("/api/v1/leads", headers=headers)).status_code != 401:
            await asyncio.sleep(0.01)
    assert await enter(client, admin, acme) == 404


async def test_a_look_ends_with_its_grant(client, acme, admin, plane):
    ends_at = plane.clock.now() + timedelta(milliseconds=400)
    row = {"_id": ObjectId(), "reason": "short", "createdAt": plane.clock.now(), "endsAt": ends_at}
    await SupportGrantRepository(plane.db, ObjectId(acme.id)).add(row)
    headers = await enter(client, admin, acme)
    assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200

    async with asyncio.timeout(1.5):
        while (await client.get("/api/v1/leads", headers=headers)).status_code != 401:
            await asyncio.sleep(0.01)


async def test_who_is_no_admin_any_more_sees_nothing(client, acme, admin, plane):
    await let_in(client, acme)
    headers = await enter(client, admin, acme)
    assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200

    await AccountRepository(plane.db).set_admin(ObjectId(admin.id), to=False)

    async with asyncio.timeout(1):
        while (await client.get("/api/v1/leads", headers=headers)).status_code != 401:
            await asyncio.sleep(0.01)


async def test_it_stands_in_the_companys_own_log(client, acme, admin, run_jobs):
    await let_in(client, acme)
    await enter(client, admin, acme)
    await run_jobs()

    told = (await client.get("/api/v1/audit-log", headers=acme.headers)).json()["items"]

    seen = {(one["resource"], one["actor"]["kind"]) for one in told}
    assert {("supportGrant", "account"), ("session", "support")} <= seen
    reason = next(one for one in told if one["resource"] == "supportGrant")["values"]["reason"]
    assert reason == "A lead is missing"


@pytest.mark.parametrize("role", [Role.admin, Role.member, Role.viewer])
async def test_only_an_owner_lets_support_look(client, acme, join, role):
    _, headers = await join(acme, role)

    answer = await client.post(GRANTS, json={"reason": "please look"}, headers=headers)

    assert answer.status_code == 403
    assert (await client.get(GRANTS, headers=headers)).status_code == 403


@pytest.mark.parametrize("body", [{"minutes": 241}, {"minutes": 0}, {"reason": ""}, {"adminId": "x"}])
async def test_a_bad_grant_is_named(client, acme, body):
    answer = await client.post(GRANTS, json={"reason": "please look", **body}, headers=acme.headers)

    assert answer.status_code == 422


class TestALookIsNoMore:
    """A look into a company opened a session of the admin's own, for 30 days."""

    CLOSED = (
        ("post", "/api/v1/auth/switch-company", {"companyId": "f" * 24}),
        ("post", "/api/v1/companies", {"companyName": "Mine"}),
        ("post", "/api/v1/auth/change-password", {"oldPassword": PASSWORD, "newPassword": "y" * 14}),
        ("post", "/api/v1/auth/confirm", {"password": PASSWORD}),
        ("post", "/api/v1/auth/logout-all", None),
        ("get", "/api/v1/auth/sessions", None),
        ("patch", "/api/v1/me", {"fullName": "x"}),
        ("post", "/api/v1/auth/totp", {"password": PASSWORD}),
        ("get", "/api/v1/admin/tenants", None),
        ("get", "/api/v1/admin/waitlist", None),
        ("post", f"/api/v1/notifications/{'f' * 24}/read", None),
    )

    async def test_it_opens_nothing_but_reads_of_that_workspace(
        self, client, acme, globex, admin, subtests
    ):
        await let_in(client, acme)
        await let_in(client, globex)
        headers = await enter(client, admin, acme)
        for method, path, body in [
            *self.CLOSED,
            ("post", f"/api/v1/admin/tenants/{globex.id}/enter", None),
            ("get", f"/api/v1/admin/tenants/{acme.id}", None),
            ("post", "/api/v1/auth/switch-company", {"companyId": acme.id}),
        ]:
            with subtests.test(path=path):
                refused = await client.request(method, path, json=body, headers=headers)
                assert refused.status_code == 403
                assert refused.json()["type"] == "/problems/SupportReadsOnly"
        assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200
        assert (await client.get("/api/v1/me", headers=headers)).json()["platformAdmin"] is True

    @pytest.mark.parametrize("how", ["logout", "logout-all", "session"])
    async def test_it_ends_when_the_admin_signs_out(self, client, acme, admin, how):
        await let_in(client, acme)
        headers = await enter(client, admin, acme)
        assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200
        if how == "session":
            mine = (await client.get("/api/v1/auth/sessions", headers=admin.headers)).json()["items"]
            own = next(one["id"] for one in mine if one["current"])
            ended = await client.delete(f"/api/v1/auth/sessions/{own}", headers=admin.headers)
        else:
            ended = await client.post(f"/api/v1/auth/{how}", headers=admin.headers)
        assert ended.status_code == 204

        async with asyncio.timeout(1):
            while (await client.get("/api/v1/leads", headers=headers)).status_code != 401:
                await asyncio.sleep(0.01)

    async def test_it_ends_with_the_membership_it_was_begun_in(self, client, acme, globex, admin, plane):
        """The owner removed the admin from the company; the look into another one went on."""
        team = MembershipRepository(plane.db, ObjectId(globex.id))
        await team.add(ObjectId(admin.id), Role.member, plane.clock.now())
        there = await enter_company(client, admin.headers, globex)
        await let_in(client, acme)
        answer = await client.post(f"/api/v1/admin/tenants/{acme.id}/enter", headers=there)
        headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
        assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200

        gone = await client.delete(f"/api/v1/members/{admin.id}", headers=globex.headers)
        assert gone.status_code == 204, gone.text

        async with asyncio.timeout(1):
            while (await client.get("/api/v1/leads", headers=headers)).status_code != 401:
                await asyncio.sleep(0.01)
        assert (await client.get("/api/v1/me", headers=admin.headers)).status_code == 200

    async def test_who_looks_may_stop_looking_and_stays_signed_in(self, client, acme, admin):
        await let_in(client, acme)
        headers = await enter(client, admin, acme)

        assert (await client.post("/api/v1/auth/logout", headers=headers)).status_code == 204

        assert (await client.get("/api/v1/me", headers=admin.headers)).status_code == 200
