import asyncio

import pytest
from bson import ObjectId
from pyotp.totp import TOTP
from tests.conftest import PASSWORD

from jazzaam.control.companies.models import COMPANIES
from jazzaam.tenancy.database import CompanyScope

PROVED = {"password": PASSWORD}


async def log_in(client, company, code=None):
    sent = {"email": company.email, "password": PASSWORD}
    return await client.post("/api/v1/auth/login", json=sent if code is None else {**sent, "code": code})


class Authenticator:
    """What a person holds: it shows each step's code, the next one when asked again."""

    def __init__(self, secret, clock):
        self.totp, self.clock, self.shown = TOTP(secret), clock, -1

    def code(self):
        now = int(self.clock.now().timestamp()) // 30
        self.shown = max(now - 1, self.shown + 1)
        assert self.shown <= now + 1, "no code is left in this step"
        return self.totp.generate_otp(self.shown)


@pytest.fixture
async def protected(client, acme, plane):
    """Acme's owner with a second factor: the authenticator, and the recovery codes."""
    begun = (await client.post("/api/v1/auth/totp", json=PROVED, headers=acme.headers)).json()
    held = Authenticator(begun["secret"], plane.clock)
    answer = await client.post(
        "/api/v1/auth/totp/confirm", json={"code": held.code()}, headers=acme.headers
    )
    assert answer.status_code == 200
    return held, answer.json()["recoveryCodes"]


async def test_from_begin_to_signing_in(client, acme, protected):
    held, _ = protected

    without = await log_in(client, acme)
    wrong = await log_in(client, acme, "000000")
    right = await log_in(client, acme, held.code())

    assert without.json()["type"] == "/problems/SecondFactorNeeded"
    assert wrong.json()["type"] == "/problems/WrongCredentials"
    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {right.json()['accessToken']}"})
    assert me.json()["hasSecondFactor"] is True


async def test_a_wrong_password_does_not_tell_that_there_is_a_second_factor(client, acme, protected):
    answer = await client.post(
        "/api/v1/auth/login", json={"email": acme.email, "password": "not the right one"}
    )

    assert answer.json()["type"] == "/problems/WrongCredentials"


async def test_a_code_is_good_once_also_at_once(client, acme, protected):
    held, _ = protected
    code = held.code()

    answers = await asyncio.gather(*(log_in(client, acme, code) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_a_recovery_code_is_good_once(client, acme, protected):
    _, recovery = protected

    first, second, other = [await log_in(client, acme, code) for code in (*recovery[:1] * 2, recovery[1])]

    assert [one.status_code for one in (first, second, other)] == [200, 401, 200]


async def test_confirming_ends_all_other_sessions(client, acme, plane):
    other = await log_in(client, acme)
    headers = {"Authorization": f"Bearer {other.json()['accessToken']}"}
    begun = (await client.post("/api/v1/auth/totp", json=PROVED, headers=acme.headers)).json()
    code = TOTP(begun["secret"]).at(plane.clock.now())

    await client.post("/api/v1/auth/totp/confirm", json={"code": code}, headers=acme.headers)

    async with asyncio.timeout(1):
        while (await client.get("/api/v1/me", headers=headers)).status_code != 401:
            await asyncio.sleep(0.01)
    assert (await client.get("/api/v1/me", headers=acme.headers)).status_code == 200


async def test_nothing_is_asked_for_before_it_is_confirmed(client, acme):
    await client.post("/api/v1/auth/totp", json=PROVED, headers=acme.headers)

    assert (await log_in(client, acme)).status_code == 200


async def test_neither_secret_nor_codes_stand_in_the_database(acme, protected, plane):
    held, recovery = protected

    row = await CompanyScope(plane.db, ObjectId(acme.id))[COMPANIES].find_one({}, {"secondFactor": 1})

    assert held.totp.secret not in str(row)
    assert held.totp.secret.encode() not in row["secondFactor"]["secret"]["c"]
    assert not any(code in str(row) for code in recovery)


async def test_removing_it_needs_a_code(client, acme, protected):
    held, _ = protected

    async def remove(code):
        return await client.request(
            "DELETE", "/api/v1/auth/totp", json={"code": code}, headers=acme.headers
        )

    assert (await remove("000000")).status_code == 422
    assert (await remove(held.code())).status_code == 204
    assert (await log_in(client, acme)).status_code == 200


async def test_new_recovery_codes_void_the_old(client, acme, protected):
    held, old = protected
    answer = await client.post(
        "/api/v1/auth/totp/recovery-codes", json={"code": held.code()}, headers=acme.headers
    )

    assert (await log_in(client, acme, old[0])).status_code == 401
    assert (await log_in(client, acme, answer.json()["recoveryCodes"][0])).status_code == 200


async def test_beginning_needs_the_password_of_who_has_one(client, acme, plane):
    """Whoever finds a session open must not lock its owner out."""
    path, headers = "/api/v1/auth/totp", acme.headers

    refused = [await client.post(path, json=body, headers=headers) for body in ({}, {"password": "wrong"})]
    await CompanyScope(plane.db, ObjectId(acme.id))[COMPANIES].update_one({}, {"$unset": {"password": ""}})
    without = await client.post(path, json={}, headers=headers)

    assert [one.json()["type"] for one in refused] == ["/problems/WrongPassword"] * 2
    assert without.status_code == 201


async def test_a_second_one_cannot_take_its_place(client, acme, protected):
    assert (await client.post("/api/v1/auth/totp", json=PROVED, headers=acme.headers)).status_code == 409


async def test_codes_of_an_account_are_limited(client, acme, protected, app):
    tries = app.state.settings.codes_per_account

    said = [(await log_in(client, acme, "000000")).status_code for _ in range(tries + 1)]

    assert said == [401] * tries + [429]


class TestEnforced:
    async def test_who_lacks_it_gets_no_further_than_setting_it_up(self, client, acme, join, plane):
        _, headers = await join(acme)
        assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200

        await client.patch(
            "/api/v1/company/settings", json={"requireSecondFactor": True}, headers=acme.headers
        )

        async with asyncio.timeout(1):
            while (await client.get("/api/v1/leads", headers=headers)).status_code == 200:
                await asyncio.sleep(0.01)
        for path in ("/api/v1/leads", "/api/v1/company"):
            answer = await client.get(path, headers=headers)
            assert answer.json()["type"] == "/problems/SecondFactorRequired"
        begun = (await client.post("/api/v1/auth/totp", json=PROVED, headers=headers)).json()
        code = TOTP(begun["secret"]).at(plane.clock.now())
        await client.post("/api/v1/auth/totp/confirm", json={"code": code}, headers=headers)
        async with asyncio.timeout(1):
            while (await client.get("/api/v1/leads", headers=headers)).status_code != 200:
                await asyncio.sleep(0.01)
