import dataclasses

import pytest
from bson import ObjectId

from jazzaam.control.contact.events import MessageReceived
from jazzaam.control.contact.jobs import mail_message
from jazzaam.control.contact.models import CONTACTS
from jazzaam.control.plane import ControlPlane

FIELDS = {"fullName": 1, "email": 1, "companyName": 1, "message": 1}


async def test_a_message_is_kept(client, plane):
    email = f"ada-{ObjectId()}@example.com"
    body = {"fullName": "Ada", "email": email, "companyName": "Acme", "message": "Hello\nthere"}

    answer = await client.post("/api/v1/contact", json=body)

    assert answer.status_code == 202
    row = await plane.db[CONTACTS].find_one({"email": email}, FIELDS)
    assert {name: row[name] for name in body} == body


async def test_it_is_mailed_to_who_runs_the_platform(client, application, plane, mails_to):
    email, to = f"ada-{ObjectId()}@example.com", f"team-{ObjectId()}@example.com"
    await client.post("/api/v1/contact", json={"fullName": "Ada", "email": email, "message": "Hello"})
    row = await plane.db[CONTACTS].find_one({"email": email}, {"_id": 1})
    services = dataclasses.replace(application.control, contact_to=to)

    await mail_message.run(ControlPlane(plane.db, services), MessageReceived(row["_id"]))

    [mail] = mails_to(to)
    assert mail["Reply-To"] == email
    assert "Hello" in mail.get_content()


@pytest.mark.parametrize(
    "body",
    [
        {"email": "x"},
        {"message": ""},
        {"fullName": "Ada\r\nBcc: all@example.com\x00"},
        {"message": {"$gt": ""}},
        {"data": {}},
    ],
)
async def test_a_bad_message_is_named(client, body):
    good = {"fullName": "Ada", "email": "ada@example.com", "message": "Hello"}

    answer = await client.post("/api/v1/contact", json={**good, **body})

    assert answer.status_code == 422
