import asyncio
from datetime import timedelta

import pytest
from bson import ObjectId
from tests.conftest import PASSWORD

from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.passwords.tokens import read_reset
from jazzaam.jobs.models import JOBS

NEW = "a wholly different sentence"


async def log_in(client, company, password):
    return await client.post("/api/v1/auth/login", json={"email": company.email, "password": password})


async def forget(client, email):
    return await client.post("/api/v1/auth/forgot-password", json={"email": email})


async def reset(client, token, password=NEW):
    return await client.post("/api/v1/auth/reset-password", json={"token": token, "newPassword": password})


@pytest.fixture
async def mailed(client, acme, run_jobs, mails_to, token_in):
    """A token that was mailed to Acme's owner."""
    assert (await forget(client, acme.email)).status_code == 202
    await run_jobs()
    return token_in(mails_to(acme.email)[-1])


async def test_a_forgotten_password_is_replaced_and_every_session_ends(client, acme, mailed):
    """Sessions outlived a reset in the original (S-25)."""
    assert (await client.get("/api/v1/me", headers=acme.headers)).status_code == 200

    assert (await reset(client, mailed)).status_code == 204

    async with asyncio.timeout(1):
        while (await client.get("/api/v1/me", headers=acme.headers)).status_code != 401:
            await asyncio.sleep(0.01)
    refreshed = await client.post("/api/v1/auth/refresh", json={"refreshToken": acme.refresh_token})
    assert refreshed.status_code == 401
    assert (await log_in(client, acme, PASSWORD)).status_code == 401
    assert (await log_in(client, acme, NEW)).status_code == 200


@pytest.mark.parametrize("known", [True, False])
async def test_whoever_resets_a_password_may_use_it_at_once(client, app, acme, mailed, plane, known):
    """Their wrong guesses of before kept the right password out for a quarter of an hour."""
    if not known:
        accounts = plane.db.unscoped(COMPANIES, "a test")
        await accounts.update_one({"_id": ObjectId(acme.id)}, {"$unset": {"seenFrom": ""}})
    for _ in range(app.state.settings.logins_per_email):
        assert (await log_in(client, acme, "a wrong guess of a password")).status_code == 401
    assert (await log_in(client, acme, PASSWORD)).status_code == 429

    assert (await reset(client, mailed)).status_code == 204

    assert (await log_in(client, acme, NEW)).status_code == 200


async def test_right_sign_ins_are_not_counted(client, app, acme):
    for _ in range(app.state.settings.logins_per_email + 1):
        assert (await log_in(client, acme, PASSWORD)).status_code == 200


async def test_a_token_is_good_once(client, mailed):
    assert (await reset(client, mailed)).status_code == 204
    assert (await reset(client, mailed, "yet another long sentence")).status_code == 422


async def test_a_later_request_voids_the_one_before(client, acme, mailed, run_jobs, mails_to, token_in):
    await forget(client, acme.email)
    await run_jobs()

    assert (await reset(client, mailed)).status_code == 422
    assert (await reset(client, token_in(mails_to(acme.email)[-1]))).status_code == 204


async def test_an_hour_later_it_is_over(client, acme, mailed, plane):

    named = read_reset(plane.services.keyring, mailed)
    accounts, later = AccountRepository(plane.db), plane.clock.now() + timedelta(minutes=61)

    assert not await accounts.finish_reset(named.account_id, named.seed, "x", later)
    assert (await reset(client, mailed)).status_code == 204


async def test_the_answer_and_the_steps_are_the_same_for_nobodys_address(client, acme, plane, commands):
    async def asked(email):
        commands.seen.clear()
        answer = await forget(client, email)
        sent = [event.command_name for event in commands.seen]
        return answer.status_code, answer.content, [one for one in sent if one != "getMore"]

    await asked(f"{ObjectId()}@example.com")  # the first finds no counters
    known, unknown = await asked(acme.email), await asked(f"{ObjectId()}@example.com")

    assert known[:2] == unknown[:2] == (202, b"")
    assert beats_aside(known[2]) == beats_aside(unknown[2])


def beats_aside(names):
    """Leave out what the process says of itself meanwhile: heartbeats and reports."""
    return [name for name in names if name not in ("update", "aggregate", "ping", "hello")]


async def test_nobodys_address_is_not_mailed(client, run_jobs, mails_to):
    address = f"{ObjectId()}@example.com"

    await forget(client, address)
    await run_jobs()

    assert mails_to(address) == []


async def test_no_token_stands_in_the_database(acme, mailed, plane):
    jobs = await plane.db[JOBS].find({}, {"args": 1, "result": 1}).to_list()

    assert mailed not in str(jobs)


@pytest.mark.parametrize("token", ["", "x", "A" * 200])
async def test_a_forged_token_is_refused(client, token):
    answer = await reset(client, token)

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/ResetRefused"


class TestChanging:
    async def change(self, client, headers, old=PASSWORD, new=NEW):
        return await client.post(
            "/api/v1/auth/change-password",
            json={"oldPassword": old, "newPassword": new},
            headers=headers,
        )

    async def test_every_other_session_ends_and_this_one_stays(self, client, acme):
        other = await log_in(client, acme, PASSWORD)
        here = {"Authorization": f"Bearer {other.json()['accessToken']}"}

        assert (await self.change(client, here)).status_code == 204

        async with asyncio.timeout(1):
            while (await client.get("/api/v1/me", headers=acme.headers)).status_code != 401:
                await asyncio.sleep(0.01)
        assert (await client.get("/api/v1/me", headers=here)).status_code == 200
        assert (await log_in(client, acme, NEW)).status_code == 200

    async def test_the_old_one_is_needed(self, client, acme):
        answer = await self.change(client, acme.headers, old="not the right one")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/oldPassword"
        assert (await log_in(client, acme, PASSWORD)).status_code == 200

    async def test_a_common_one_is_refused(self, client, acme):
        answer = await self.change(client, acme.headers, new="password1234")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/newPassword"

    async def test_guesses_are_limited(self, client, acme, app):
        tries = app.state.settings.codes_per_account
        said = [
            (await self.change(client, acme.headers, old="wrong")).status_code for _ in range(tries + 1)
        ]

        assert said == [422] * tries + [429]
