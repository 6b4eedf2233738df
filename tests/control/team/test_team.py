import asyncio

import pytest
from bson import ObjectId
from tests.conftest import enter

from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.control.memberships.permissions import Role
from jazzaam.tenancy.database import CompanyScope


async def refused_within_a_second(client, headers, path="/api/v1/leads"):
    async with asyncio.timeout(1):
        while (await client.get(path, headers=headers)).status_code not in (401, 403):
            await asyncio.sleep(0.01)


async def patch(client, headers, account_id, **change):
    return await client.patch(f"/api/v1/members/{account_id}", json=change, headers=headers)


async def test_the_team_is_listed_with_names_and_roles(client, acme, join):
    person, _ = await join(acme)
    await client.patch("/api/v1/me", json={"fullName": "Ada Lovelace"}, headers=person.headers)

    members = (await client.get("/api/v1/members", headers=acme.headers)).json()["items"]

    assert [one["role"] for one in members] == ["owner", "member"]
    assert members[1]["id"] == person.id
    assert members[1]["email"] == person.email
    assert members[1]["fullName"] == "Ada Lovelace"
    assert "password" not in str(members)


async def test_a_deactivated_member_is_refused_within_a_second(client, acme, join):
    """The original let them in for as long as their tokens were good (S-20)."""
    person, headers = await join(acme)
    assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200

    assert (await patch(client, acme.headers, person.id, isActive=False)).status_code == 200

    await refused_within_a_second(client, headers)
    again = await client.post(
        "/api/v1/auth/switch-company", json={"companyId": acme.id}, headers=person.headers
    )
    assert again.status_code == 404
    assert (await client.get("/api/v1/me", headers=person.headers)).status_code == 200


async def test_a_removed_member_is_refused_within_a_second_and_comes_back_by_invitation_only(
    client, acme, join
):
    person, headers = await join(acme)
    assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200

    removed = await client.delete(f"/api/v1/members/{person.id}", headers=acme.headers)

    assert removed.status_code == 204
    await refused_within_a_second(client, headers)
    assert (await patch(client, acme.headers, person.id, isActive=True)).status_code == 404


async def test_a_new_role_holds_from_the_next_token(client, acme, join):
    person, headers = await join(acme, Role.viewer)
    lead = {"fullName": "Ada"}
    assert (await client.post("/api/v1/leads", json=lead, headers=headers)).status_code == 403

    assert (await patch(client, acme.headers, person.id, role="member")).status_code == 200

    await refused_within_a_second(client, headers)
    headers = await enter(client, person.headers, acme)
    assert (await client.post("/api/v1/leads", json=lead, headers=headers)).status_code == 201


class TestOwners:
    async def test_the_last_owner_stays(self, client, acme):
        demoted = await patch(client, acme.headers, acme.id, role="admin")
        deactivated = await patch(client, acme.headers, acme.id, isActive=False)
        removed = await client.delete(f"/api/v1/members/{acme.id}", headers=acme.headers)

        for answer in (demoted, deactivated, removed):
            assert answer.status_code == 409
            assert answer.json()["type"] == "/problems/LastOwner"

    async def test_ownership_is_handed_over(self, client, acme, join):
        person, _ = await join(acme)

        assert (await patch(client, acme.headers, person.id, role="owner")).status_code == 200
        assert (await patch(client, acme.headers, acme.id, role="member")).status_code == 200

        headers = await enter(client, person.headers, acme)
        me = (await client.get("/api/v1/me", headers=headers)).json()
        assert me["role"] == "owner"

    async def test_an_admin_touches_no_owner_and_makes_none(self, client, acme, join):
        person, headers = await join(acme, Role.admin)
        other, _ = await join(acme)

        for answer in (
            await patch(client, headers, acme.id, role="member"),
            await patch(client, headers, acme.id, isActive=False),
            await client.delete(f"/api/v1/members/{acme.id}", headers=headers),
            await patch(client, headers, other.id, role="owner"),
            await patch(client, headers, person.id, role="owner"),
        ):
            assert answer.status_code == 403
        assert (await patch(client, headers, other.id, role="viewer")).status_code == 200

    async def test_of_two_owners_who_demote_each_other_at_once_one_stays(self, client, acme, join, plane):
        for _ in range(5):
            person, _ = await join(acme)
            await patch(client, acme.headers, person.id, role="owner")
            theirs = await enter(client, person.headers, acme)

            answers = await asyncio.gather(
                patch(client, acme.headers, person.id, role="member"),
                patch(client, theirs, acme.id, role="member"),
            )

            owners = await CompanyScope(plane.db, ObjectId(acme.id))[MEMBERSHIPS].count({"role": "owner"})
            assert owners == 1
            assert 200 in [answer.status_code for answer in answers]
            if answers[1].status_code == 200:
                await patch(client, theirs, acme.id, role="owner")
                acme.headers.update(await enter(client, await sign_in(client, acme), acme))
                await patch(client, acme.headers, person.id, role="member")


async def sign_in(client, company):
    answer = await client.post(
        "/api/v1/auth/login",
        json={"email": company.email, "password": "correct horse battery staple"},
    )
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}


@pytest.mark.parametrize("change", [{"role": "god"}, {"isActive": {"$ne": 1}}, {"companyId": "x"}])
async def test_a_bad_change_is_named(client, acme, change):
    assert (await patch(client, acme.headers, acme.id, **change)).status_code == 422


async def test_an_owner_of_one_company_is_nobody_in_another(client, acme, globex, join):
    """Any account could (de)activate any other in the original (S-16)."""
    person, headers = await join(acme)

    answer = await patch(client, globex.headers, person.id, isActive=False)

    assert answer.status_code == 404
    assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200


class TestLeadVisibility:
    @pytest.fixture
    async def own(self, client, acme):
        answer = await client.patch(
            "/api/v1/company/settings", json={"leadVisibility": "own"}, headers=acme.headers
        )
        assert answer.status_code == 200

    async def test_members_see_their_own_leads_and_no_others(self, client, acme, join, own):
        _, headers = await join(acme)
        others = (await client.post("/api/v1/leads", json={"fullName": "B"}, headers=acme.headers)).json()
        mine = (await client.post("/api/v1/leads", json={"fullName": "A"}, headers=headers)).json()

        listed = (await client.get("/api/v1/leads?total=true", headers=headers)).json()

        assert [lead["id"] for lead in listed["items"]] == [mine["id"]]
        assert listed["total"] == 1
        assert (await client.get(f"/api/v1/leads/{mine['id']}", headers=headers)).status_code == 200
        assert (await client.get(f"/api/v1/leads/{others['id']}", headers=headers)).status_code == 404
        change = {"notes": "x"}
        path = f"/api/v1/leads/{others['id']}"
        assert (await client.patch(path, json=change, headers=headers)).status_code == 404
        everything = (await client.get("/api/v1/leads?total=true", headers=acme.headers)).json()
        assert everything["total"] == 2

    async def test_they_are_told_of_no_others(self, client, acme, join, own, run_jobs):
        _, headers = await join(acme)
        form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
        await client.post(
            f"/api/v1/public/forms/{form['accessToken']}/submissions",
            json={"linkedinUrl": "https://www.linkedin.com/in/somebody"},
        )
        await run_jobs(acme)

        told = (await client.get("/api/v1/notifications", headers=acme.headers)).json()["items"]
        theirs = (await client.get("/api/v1/notifications", headers=headers)).json()["items"]
        read = await client.post(f"/api/v1/notifications/{told[0]['id']}/read", headers=headers)

        assert len(told) == 1
        assert theirs == []
        assert read.status_code == 404

    async def test_a_cursor_of_everything_leads_nowhere_for_who_sees_a_part(self, client, acme, join, own):
        _, headers = await join(acme)
        for name in "AB":
            await client.post("/api/v1/leads", json={"fullName": name}, headers=acme.headers)
        page = (await client.get("/api/v1/leads?limit=1", headers=acme.headers)).json()

        answer = await client.get(f"/api/v1/leads?limit=1&after={page['next']}", headers=headers)

        assert answer.status_code == 422

    async def test_it_holds_within_a_second(self, client, acme, join):
        _, headers = await join(acme)
        lead = (await client.post("/api/v1/leads", json={"fullName": "B"}, headers=acme.headers)).json()
        path = f"/api/v1/leads/{lead['id']}"
        assert (await client.get(path, headers=headers)).status_code == 200

        await client.patch("/api/v1/company/settings", json={"leadVisibility": "own"}, headers=acme.headers)

        async with asyncio.timeout(1):
            while (await client.get(path, headers=headers)).status_code != 404:
                await asyncio.sleep(0.01)

    async def test_a_key_sees_no_more_than_who_made_it(self, client, acme, join, own):
        person, _ = await join(acme, Role.admin)
        headers = await enter(client, person.headers, acme)
        key = await client.post(
            "/api/v1/api-keys", json={"name": "k", "scopes": ["leads:read"]}, headers=headers
        )
        await client.post("/api/v1/leads", json={"fullName": "B"}, headers=acme.headers)
        with_key = {"X-API-Key": key.json()["key"]}
        assert len((await client.get("/api/v1/leads", headers=with_key)).json()["items"]) == 1

        await patch(client, acme.headers, person.id, role="member")

        async with asyncio.timeout(1):
            while (await client.get("/api/v1/leads", headers=with_key)).json()["items"]:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("role", [Role.admin, Role.member, Role.viewer])
async def test_whoever_works_there_may_leave(client, acme, join, role):
    person, headers = await join(acme, role)

    assert (await client.delete(f"/api/v1/members/{person.id}", headers=headers)).status_code == 204

    team = (await client.get("/api/v1/members", headers=acme.headers)).json()["items"]
    assert person.id not in {one["id"] for one in team}


async def test_the_last_owner_cannot_leave(client, acme):
    answer = await client.delete(f"/api/v1/members/{acme.id}", headers=acme.headers)

    assert answer.json()["type"] == "/problems/LastOwner"
