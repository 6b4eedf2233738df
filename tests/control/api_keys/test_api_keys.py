import asyncio
from datetime import timedelta

import pytest
from bson import ObjectId

from jazzaam.control.api_keys.models import API_KEYS
from jazzaam.control.memberships.permissions import Role
from jazzaam.tenancy.database import CompanyScope


@pytest.fixture
def make_key(client):
    async def make(headers, scopes=("leads:read",), **more):
        return await client.post(
            "/api/v1/api-keys", json={"name": "CI", "scopes": list(scopes), **more}, headers=headers
        )

    return make


def with_key(answer):
    return {"X-API-Key": answer.json()["key"]}


async def refused_within_a_second(client, headers):
    async with asyncio.timeout(1):
        while (await client.get("/api/v1/leads", headers=headers)).status_code != 401:
            await asyncio.sleep(0.01)


async def test_a_key_acts_in_its_company_and_is_shown_once(client, acme, make_key):
    made = await make_key(acme.headers, ["leads:read", "leads:write"])
    lead = await client.post("/api/v1/leads", json={"fullName": "Ada"}, headers=with_key(made))
    listed = (await client.get("/api/v1/api-keys", headers=acme.headers)).json()["items"]

    assert made.status_code == lead.status_code == 201
    assert made.json()["key"].startswith(made.json()["prefix"])
    assert made.json()["key"] not in str(listed)
    assert "hash" not in listed[0]
    assert listed[0]["lastUsedAt"] is not None


async def test_it_stands_in_the_database_hashed(acme, make_key, plane):
    """The original stored keys in the clear (S-24)."""
    made = await make_key(acme.headers)

    rows = CompanyScope(plane.db, ObjectId(acme.id))[API_KEYS]
    row = await rows.find_one({}, {"hash": 1, "prefix": 1, "name": 1, "scopes": 1})

    assert made.json()["key"] not in str(row)
    assert made.json()["key"].encode() not in row["hash"]


async def test_a_revoked_key_is_refused_within_a_second(client, acme, make_key):
    made = await make_key(acme.headers)
    assert (await client.get("/api/v1/leads", headers=with_key(made))).status_code == 200

    gone = await client.delete(f"/api/v1/api-keys/{made.json()['id']}", headers=acme.headers)

    assert gone.status_code == 204
    await refused_within_a_second(client, with_key(made))


async def test_a_key_is_over_at_its_time(client, acme, make_key, plane):
    soon = plane.clock.now() + timedelta(milliseconds=300)
    made = await make_key(acme.headers, expiresAt=soon.isoformat())
    assert (await client.get("/api/v1/leads", headers=with_key(made))).status_code == 200

    await refused_within_a_second(client, with_key(made))


async def test_a_key_ends_with_who_made_it(client, acme, join, make_key):
    person, headers = await join(acme, Role.admin)
    made = await make_key(headers)
    assert (await client.get("/api/v1/leads", headers=with_key(made))).status_code == 200

    await client.delete(f"/api/v1/members/{person.id}", headers=acme.headers)

    await refused_within_a_second(client, with_key(made))


async def test_a_keys_last_use_is_written_once_a_minute(client, acme, make_key, plane, commands):
    made = await make_key(acme.headers)
    commands.seen.clear()

    for _ in range(5):
        await client.get("/api/v1/leads", headers=with_key(made))

    written = [one for one in commands.seen if one.command.get("update") == "apikeys"]
    assert len(written) == 1


@pytest.mark.parametrize(
    "scopes", [[], ["everything"], ["team:manage"], ["company:delete"], ["forms:submit"], {"$ne": 1}]
)
async def test_a_key_gets_no_scope_that_could_get_it_more(client, acme, scopes):
    answer = await client.post(
        "/api/v1/api-keys", json={"name": "k", "scopes": scopes}, headers=acme.headers
    )

    assert answer.status_code == 422


async def test_a_key_of_one_company_reaches_no_other(client, acme, globex, make_key):
    made = await make_key(acme.headers)
    await client.post("/api/v1/leads", json={"fullName": "Of Globex"}, headers=globex.headers)
    named = {**with_key(made), "X-Company-ID": globex.id}

    listed = await client.get(f"/api/v1/leads?companyId={globex.id}", headers=named)
    plain = await client.get("/api/v1/leads", headers=named)

    assert "Of Globex" not in listed.text + plain.text
    assert plain.json()["items"] == []


async def test_a_key_and_a_token_together_are_refused(client, acme, make_key):
    made = await make_key(acme.headers)

    answer = await client.get("/api/v1/leads", headers={**acme.headers, **with_key(made)})

    assert answer.status_code == 401


async def test_a_key_is_no_person(client, acme, make_key):
    made = await make_key(acme.headers, ["settings:write", "settings:read", "company:read"])

    for method, path in (
        ("get", "/api/v1/me"),
        ("get", "/api/v1/auth/sessions"),
        ("post", "/api/v1/auth/logout-all"),
    ):
        assert (await client.request(method, path, headers=with_key(made))).status_code == 401
