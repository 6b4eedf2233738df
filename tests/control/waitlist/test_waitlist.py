import asyncio

import pytest
from bson import ObjectId

from jazzaam.control.waitlist.models import WAITLISTS

WAITLIST = "/api/v1/waitlist"
ADMIN = "/api/v1/admin/waitlist"


@pytest.fixture
def email():
    return f"waits-{ObjectId()}@example.com"


async def join(client, email, **more):
    return await client.post(WAITLIST, json={"email": email, **more})


async def entry_of(client, admin, email, **asked):
    page = await client.get(ADMIN, params={"limit": 100, **asked}, headers=admin.headers)
    return next((one for one in page.json()["items"] if one["email"] == email), None)


async def test_who_joins_is_kept_and_mailed_once(client, admin, email, run_jobs, mails_to):
    told = {"name": "Ada", "source": "social media", "metadata": {"campaign": "x.y$z"}}

    first = await join(client, email.upper(), **told)
    await run_jobs()
    again = await join(client, email, name="Somebody else")
    await run_jobs()

    assert (first.status_code, first.content) == (again.status_code, again.content) == (202, b"")
    entry = await entry_of(client, admin, email)
    assert {name: entry[name] for name in told} == told
    assert entry["status"] == "pending"
    assert [mail["Subject"] for mail in mails_to(email)] == ["Jazzaam: You are on the list"]


async def test_ten_who_join_at_once_with_one_address_wait_once(client, email, plane):
    answers = await asyncio.gather(*(join(client, email) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {202}
    assert await plane.db[WAITLISTS].count({"email": email}) == 1


async def test_a_soft_deleted_one_joins_anew(client, admin, email, run_jobs, mails_to):
    """The original answered 500."""
    await join(client, email, name="Ada")
    await run_jobs()
    entry = await entry_of(client, admin, email)
    assert (await client.delete(f"{ADMIN}/{entry['id']}", headers=admin.headers)).status_code == 204
    assert await entry_of(client, admin, email) is None

    await join(client, email)
    await run_jobs()

    assert (await entry_of(client, admin, email))["name"] is None
    assert len(mails_to(email)) == 2


async def test_an_admin_says_how_far_somebody_is(client, admin, email):
    before = (await client.get(f"{ADMIN}/stats", headers=admin.headers)).json()
    await join(client, email)
    entry = await entry_of(client, admin, email)

    changed = await client.patch(
        f"{ADMIN}/{entry['id']}", json={"status": "converted"}, headers=admin.headers
    )

    assert changed.json()["status"] == "converted"
    assert await entry_of(client, admin, email, status="converted")
    assert await entry_of(client, admin, email, status="pending") is None
    after = (await client.get(f"{ADMIN}/stats", headers=admin.headers)).json()
    assert after["converted"] == before["converted"] + 1
    assert after["total"] == before["total"] + 1


@pytest.mark.parametrize("method", ["patch", "delete"])
async def test_nobody_waits_under_an_unknown_id(client, admin, method):
    body = {"status": "pending"} if method == "patch" else None

    answer = await client.request(method, f"{ADMIN}/{ObjectId()}", json=body, headers=admin.headers)

    assert answer.json()["type"] == "/problems/WaitlistEntryNotFound"


async def test_the_list_goes_on_where_it_ended(client, admin):
    emails = [f"page-{ObjectId()}@example.com" for _ in range(3)]
    for email in emails:
        await join(client, email)
    seen, after = [], {}
    while len(seen) < 3:
        page = (await client.get(ADMIN, params={"limit": 1, **after}, headers=admin.headers)).json()
        seen += [one["email"] for one in page["items"]]
        after = {"after": page["next"]}

    assert seen == emails[::-1]


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no address"},
        {"source": "a friend"},
        {"metadata": {"a.b": "x"}},
        {"metadata": {"$where": "x"}},
        {"metadata": {"a": {"$gt": ""}}},
        {"metadata": {f"n{number}": "x" for number in range(21)}},
        {"metadata": {"a": "\x00"}},
        {"status": "converted"},
    ],
)
async def test_a_bad_entry_is_named(client, email, body):
    answer = await client.post(WAITLIST, json={"email": email, **body})

    assert answer.status_code == 422
