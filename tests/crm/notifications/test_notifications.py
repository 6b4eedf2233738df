"""Notifications: each member has read what they have read, and nobody else's."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from jazzaam.control.memberships.permissions import Role
from jazzaam.crm.notifications.models import NOTIFICATIONS

FIELDS = [{"name": "email", "type": "email", "label": "E-mail"}]


@pytest.fixture
async def submit(client, acme, run_jobs):
    """Have a stranger write through the LinkedIn form, and the members notified."""
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()

    async def submit(person="ada"):
        address = f"/api/v1/public/forms/{form['accessToken']}/submissions"
        await client.post(address, json={"linkedinUrl": f"https://www.linkedin.com/in/{person}"})
        await run_jobs(acme)

    return submit


async def listed(client, headers):
    return (await client.get("/api/v1/notifications", headers=headers)).json()["items"]


async def test_what_one_member_has_read_is_new_to_every_other(client, acme, join, submit):
    """One read flag was shared by the whole company."""
    _, colleague = await join(acme, Role.viewer)
    await submit()
    (notification,) = await listed(client, acme.headers)

    for _ in range(2):
        read = await client.post(f"/api/v1/notifications/{notification['id']}/read", headers=colleague)
        assert read.status_code == 204

    assert [one["isRead"] for one in await listed(client, colleague)] == [True]
    assert [one["isRead"] for one in await listed(client, acme.headers)] == [False]
    (row,) = await acme.db[NOTIFICATIONS].find({}, {"readBy": 1}).to_list()
    assert len(row["readBy"]) == 1


async def test_what_the_original_marked_as_read_is_read_by_everybody(client, acme, join):
    _, colleague = await join(acme, Role.viewer)
    old = {"title": "Old", "message": "Words", "createdAt": datetime(2025, 1, 1, tzinfo=UTC)}
    await acme.db[NOTIFICATIONS].insert({"_id": ObjectId(), **old, "isRead": True})
    await acme.db[NOTIFICATIONS].insert({"_id": ObjectId(), **old, "isRead": False})

    for headers in (acme.headers, colleague):
        assert sorted(one["isRead"] for one in await listed(client, headers)) == [False, True]


async def test_whose_lead_it_is_learns_that_it_wrote_again_and_nobody_else_with_own_leads(
    client, acme, join, submit
):
    person, theirs = await join(acme)
    _, others = await join(acme)
    await client.patch("/api/v1/company/settings", json={"leadVisibility": "own"}, headers=acme.headers)
    await submit()
    lead = (await client.get("/api/v1/leads", headers=acme.headers)).json()["items"][0]
    given = await client.patch(
        f"/api/v1/leads/{lead['id']}", json={"assignedTo": person.id}, headers=acme.headers
    )
    assert given.status_code == 200

    await submit()

    assert [one["kind"] for one in await listed(client, theirs)] == ["submittedAgain"]
    assert await listed(client, others) == []
    assert len(await listed(client, acme.headers)) == 2
    (mine,) = await listed(client, theirs)
    path = f"/api/v1/notifications/{mine['id']}/read"
    assert (await client.post(path, headers=others)).status_code == 404
    assert (await client.post(path, headers=theirs)).status_code == 204
    submissions = f"/api/v1/submissions?leadId={lead['id']}"
    assert len((await client.get(submissions, headers=theirs)).json()["items"]) == 2
    assert (await client.get(submissions, headers=others)).status_code == 404
