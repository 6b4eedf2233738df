"""What carries a company away, or opens it for longer, asks for a recent proof of who somebody is."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pyotp
import pytest
from bson import ObjectId
from tests.conftest import PASSWORD, enter

from jazzaam.control.accounts.models import SESSIONS
from jazzaam.control.dependencies import CONFIRMATION_LASTS
from jazzaam.control.memberships.permissions import Role

KEY = {"name": "k", "scopes": ["leads:read", "company:export"]}
ASKING = [("/api/v1/api-keys", KEY, 201), ("/api/v1/company/exports", None, 202)]


async def confirm(client, headers, **proof):
    return (await client.post("/api/v1/auth/confirm", json=proof, headers=headers)).status_code


@pytest.fixture
def grow_old(plane):
    """Have it be so long ago that somebody proved who they are."""

    async def grow_old(account_id, ago=CONFIRMATION_LASTS + timedelta(seconds=1)):
        sessions = plane.db.unscoped(SESSIONS, "a test")
        at = plane.clock.now() - ago
        await sessions.update_many({"accountId": ObjectId(account_id)}, {"$set": {"authenticatedAt": at}})

    return grow_old


@pytest.mark.parametrize(("path", "body", "status"), ASKING)
async def test_a_stolen_token_is_not_enough(client, acme, grow_old, path, body, status):
    await grow_old(acme.id)

    refused = await client.post(path, json=body, headers=acme.headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/ConfirmationNeeded")
    assert await confirm(client, acme.headers, password="wrong") == 422
    assert (await client.post(path, json=body, headers=acme.headers)).status_code == 403
    assert await confirm(client, acme.headers, password=PASSWORD) == 204

    assert (await client.post(path, json=body, headers=acme.headers)).status_code == status


@pytest.mark.parametrize(("path", "body", "status"), ASKING)
async def test_nobody_proves_who_they_are_for_what_they_may_not_do(
    client, acme, join, grow_old, path, body, status
):
    """They were asked for their password first, and refused then."""
    person, headers = await join(acme, Role.member)
    await grow_old(person.id)

    refused = await client.post(path, json=body, headers=headers)

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/Forbidden"), status
    fetched = await client.get(f"/api/v1/company/exports/{ObjectId()}/file", headers=headers)
    assert (fetched.status_code, fetched.json()["type"]) == (403, "/problems/Forbidden")


async def test_a_code_of_the_second_factor_will_do(client, acme, grow_old, plane):
    begun = await client.post("/api/v1/auth/totp", json={"password": PASSWORD}, headers=acme.headers)
    totp, now = pyotp.TOTP(begun.json()["secret"]), plane.clock.now()
    await client.post("/api/v1/auth/totp/confirm", json={"code": totp.at(now)}, headers=acme.headers)
    await grow_old(acme.id)

    assert await confirm(client, acme.headers, code="000000") == 422
    assert await confirm(client, acme.headers, code=totp.at(now, counter_offset=1)) == 204

    assert (await client.post("/api/v1/api-keys", json=KEY, headers=acme.headers)).status_code == 201


@pytest.mark.parametrize("proof", [{}, {"password": PASSWORD, "code": "000000"}])
async def test_one_proof_is_asked_for(client, acme, proof):
    assert await confirm(client, acme.headers, **proof) == 422


async def test_another_company_is_entered_with_the_proof_of_the_first_session(client, acme, join, grow_old):
    person, headers = await join(acme, Role.admin)
    assert (await client.post("/api/v1/api-keys", json=KEY, headers=headers)).status_code == 201
    await grow_old(person.id)

    again = await enter(client, person.headers, acme)

    assert (await client.post("/api/v1/api-keys", json=KEY, headers=again)).status_code == 403


async def test_a_key_that_may_needs_no_proof(client, acme, grow_old):
    key = (await client.post("/api/v1/api-keys", json=KEY, headers=acme.headers)).json()["key"]
    await grow_old(acme.id)

    asked = await client.post("/api/v1/company/exports", headers={"X-API-Key": key})

    assert asked.status_code == 202


async def test_guesses_have_an_end(client, acme, app):
    tries = [await confirm(client, acme.headers, password="wrong") for _ in range(11)]

    assert tries == [422] * app.state.settings.codes_per_account + [429]


async def test_a_key_that_exports_leads_carries_no_capsule_away(client, acme):
    """Trash, submissions, forms' tokens and jobs went with a permission to export leads."""
    body = {"name": "k", "scopes": ["leads:export", "leads:read"]}
    key = (await client.post("/api/v1/api-keys", json=body, headers=acme.headers)).json()["key"]

    asked = await client.post("/api/v1/company/exports", headers={"X-API-Key": key})

    assert asked.status_code == 403
    assert "company:export" in asked.json()["detail"]


async def test_an_export_is_carried_away_by_who_proved_who_they_are_lately(
    client, acme, grow_old, run_jobs
):
    """Asking for it alone did; an old session fetched it for a week."""
    exports = "/api/v1/company/exports"
    export_id = (await client.post(exports, headers=acme.headers)).json()["id"]
    await run_jobs(acme)
    await grow_old(acme.id)

    async def shown():
        (only,) = (await client.get(exports, headers=acme.headers)).json()["items"]
        return only["status"], only["url"] is not None

    async with asyncio.timeout(2):
        while await shown() != ("done", False):
            await asyncio.sleep(0.01)
    place = f"{exports}/{export_id}/file"
    refused = await client.get(place, headers=acme.headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/ConfirmationNeeded")
    assert await confirm(client, acme.headers, password=PASSWORD) == 204

    assert await shown() == ("done", True)
    assert (await client.get(place, headers=acme.headers)).status_code == 200
