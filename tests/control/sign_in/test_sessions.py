import asyncio

from bson import ObjectId
from tests.conftest import PASSWORD

from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.web.origin import networks

LOGIN = "/api/v1/auth/login"


async def log_in(client, company, **more):
    return await client.post(LOGIN, json={"email": company.email, "password": PASSWORD, **more})


def bearer(answer):
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}


async def until_refused(client, headers, path="/api/v1/me"):
    async with asyncio.timeout(1):
        while (await client.get(path, headers=headers)).status_code != 401:
            await asyncio.sleep(0.01)


async def test_sessions_are_listed_with_where_they_were_begun(client, acme):
    other = await client.post(
        LOGIN, json={"email": acme.email, "password": PASSWORD}, headers={"User-Agent": "Lynx/2.9"}
    )

    listed = (await client.get("/api/v1/auth/sessions", headers=bearer(other))).json()["items"]

    assert len(listed) == 2
    assert [one["current"] for one in listed] == [True, False]
    assert (listed[0]["agent"], listed[0]["address"]) == ("Lynx/2.9", "127.0.0.1")
    assert listed[0]["companyName"] == "Acme"
    assert not {"seed", "generation"} & set(listed[0])


async def test_one_session_is_ended_and_the_other_stays(client, acme):
    other = bearer(await log_in(client, acme))
    listed = (await client.get("/api/v1/auth/sessions", headers=other)).json()["items"]
    first = next(one["id"] for one in listed if not one["current"])
    assert (await client.get("/api/v1/me", headers=acme.headers)).status_code == 200

    ended = await client.delete(f"/api/v1/auth/sessions/{first}", headers=other)

    assert ended.status_code == 204
    await until_refused(client, acme.headers)
    assert (await client.get("/api/v1/me", headers=other)).status_code == 200


async def test_nobody_ends_anothers_session(client, acme, globex):
    listed = (await client.get("/api/v1/auth/sessions", headers=acme.headers)).json()["items"]

    answer = await client.delete(f"/api/v1/auth/sessions/{listed[0]['id']}", headers=globex.headers)

    assert answer.status_code == 404
    assert (await client.get("/api/v1/me", headers=acme.headers)).status_code == 200


async def test_signing_out_everywhere_ends_every_session(client, acme):
    other = bearer(await log_in(client, acme))

    assert (await client.post("/api/v1/auth/logout-all", headers=other)).status_code == 204

    for headers in (acme.headers, other):
        await until_refused(client, headers)


class TestSwitching:
    async def test_a_second_company_is_entered_by_a_second_session(self, client, acme, globex, join, plane):
        person, in_acme = await join(acme)
        team = MembershipRepository(plane.db, ObjectId(globex.id))
        await team.add(ObjectId(person.id), Role.member, plane.clock.now())

        answer = await client.post(
            "/api/v1/auth/switch-company", json={"companyId": globex.id}, headers=in_acme
        )

        me = (await client.get("/api/v1/me", headers=bearer(answer))).json()
        assert me["company"]["companyName"] == "Globex"
        assert {one["companyName"] for one in me["memberships"]} == {"Acme", "Globex"}
        assert (await client.get("/api/v1/me", headers=in_acme)).json()["company"]["companyName"] == "Acme"

    async def test_a_company_of_others_is_not_there(self, client, acme, globex):
        foreign, unknown = [
            await client.post(
                "/api/v1/auth/switch-company", json={"companyId": company}, headers=globex.headers
            )
            for company in (acme.id, "f" * 24)
        ]

        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() == unknown.json()


async def test_a_person_starts_a_company_later(client, make_company):
    person = await make_company("Grace", account_type="user")

    made = await client.post("/api/v1/companies", json={"companyName": "Hopper"}, headers=person.headers)

    assert made.status_code == 201
    tokens = await client.post(
        "/api/v1/auth/switch-company", json={"companyId": made.json()["id"]}, headers=person.headers
    )
    lead = await client.post("/api/v1/leads", json={"fullName": "Ada"}, headers=bearer(tokens))
    me = (await client.get("/api/v1/me", headers=bearer(tokens))).json()
    assert lead.status_code == 201
    assert (me["role"], me["company"]["companyName"]) == ("owner", "Hopper")
    login = await client.post(
        LOGIN, json={"email": f"{made.json()['id']}@company.invalid", "password": PASSWORD}
    )
    assert login.status_code in (401, 422)


async def test_starting_a_company_twice_with_one_key_makes_one(client, make_company):
    person = await make_company("Grace", account_type="user")
    headers = {**person.headers, "Idempotency-Key": "once"}

    first, second = [
        await client.post("/api/v1/companies", json={"companyName": "Hopper"}, headers=headers)
        for _ in range(2)
    ]

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    me = (await client.get("/api/v1/me", headers=person.headers)).json()
    assert len(me["memberships"]) == 1


class TestForwardedFor:
    async def attempts(self, client, app, headers):
        """Count the logins an address gets, each with another address of the caller's own making."""
        settings = app.state.settings
        app.state.settings = settings.model_copy(update={"logins_per_network": 3})
        await app.state.rate_limits._limiter.storage.reset()
        try:
            return [
                (
                    await client.post(
                        LOGIN,
                        json={"email": f"n{number}@example.com", "password": "x"},
                        headers={name: value.format(number) for name, value in headers.items()},
                    )
                ).status_code
                for number in range(5)
            ]
        finally:
            app.state.settings = settings
            await app.state.rate_limits._limiter.storage.reset()

    async def test_what_a_stranger_says_counts_for_nothing(self, client, app):
        """The original believed any X-Forwarded-For (S-30)."""
        said = await self.attempts(client, app, {"X-Forwarded-For": "203.0.113.{}"})

        assert said == [401, 401, 401, 429, 429]

    async def test_a_proxys_word_counts_and_not_what_came_before_it(self, client, app):
        app.state.trusted_proxies = networks(["127.0.0.0/8"])
        try:
            through_proxy = await self.attempts(client, app, {"X-Forwarded-For": "203.0.113.{}"})
            forged = await self.attempts(client, app, {"X-Forwarded-For": "203.0.113.{}, 198.51.100.7"})
        finally:
            app.state.trusted_proxies = ()

        assert through_proxy == [401] * 5
        assert forged == [401, 401, 401, 429, 429]
