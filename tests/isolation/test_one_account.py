"""One account in two companies: through it nothing of one reaches the other.

It is an owner in both, so nothing but the session's company stands between them.
"""

import pytest
from bson import ObjectId
from tests.isolation.cases import CASES, fill, of_kind

from jazzaam.control.accounts.schemas import Tokens
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository

BY_ID, LISTS = of_kind("thing"), of_kind("list")
PAGED = ["leads", "forms", "notifications", "audit-log", "company/billing-history"]
EMPTY_FORM = {"name": "F", "fields": [{"name": "email", "type": "email", "label": "E-mail"}]}
REPEATED = {
    "/api/v1/leads": {"fullName": "Ada"},
    "/api/v1/forms": EMPTY_FORM,
    "/api/v1/invitations": {"email": "guest@example.com", "role": "viewer"},
    "/api/v1/company/support-grants": {"reason": "Please look"},
    "/api/v1/company/exports": None,
}


@pytest.fixture
async def here_and_there(client, acme, globex, plane):
    """Acme's owner, who owns Globex too: their headers in Acme, and in Globex."""
    team = MembershipRepository(plane.db, ObjectId(globex.id))
    await team.add(ObjectId(acme.id), Role.owner, plane.clock.now())
    answer = await client.post(
        "/api/v1/auth/switch-company", json={"companyId": globex.id}, headers=acme.headers
    )
    there = {"Authorization": f"Bearer {Tokens.model_validate(answer.json()).access_token}"}
    return acme.headers, there


async def test_no_thing_of_one_is_found_from_the_other(client, things, here_and_there, subtests):
    here, there = here_and_there
    for route in BY_ID:
        (method, path), case = route, CASES[route]
        thing = fill(path, things[case.thing])
        with subtests.test(route=route):
            assert (await client.request(method, thing, **case.call(there))).status_code == 404
            assert (await client.request(method, thing, **case.call(here))).status_code == case.status


async def test_no_list_of_one_shows_what_is_in_the_other(client, things, here_and_there, subtests):
    here, there = here_and_there
    for route in LISTS:
        (method, path), thing = route, things[CASES[route].thing]
        with subtests.test(route=route):
            assert thing in (await client.request(method, path, headers=here)).text
            assert thing not in (await client.request(method, path, headers=there)).text


async def test_a_request_answered_in_one_is_asked_anew_in_the_other(client, here_and_there, subtests):
    """The same account, key and body: an idempotency record of one answers nothing in the other."""
    for path in sorted(REPEATED):
        with subtests.test(path=path):
            answers = []
            for headers in (*here_and_there, *here_and_there):
                named = {**headers, "Idempotency-Key": "one-key"}
                answer = await client.post(path, json=REPEATED[path], headers=named)
                assert answer.status_code in (201, 202), answer.text
                answers.append(answer.json()["id"])

            assert answers[:2] == answers[2:], "in each, the second is the first one's"
            assert answers[0] != answers[1]


async def test_a_cursor_of_one_opens_no_page_of_the_other(client, acme, globex, here_and_there, subtests):
    here, there = here_and_there
    for path in PAGED:
        with subtests.test(path=path):
            for company, headers in ((acme, here), (globex, there)):
                await fill_list(client, company, headers, path)
            address = f"/api/v1/{path}"
            cursor = (await client.get(address, params={"limit": 1}, headers=here)).json()["next"]
            assert cursor

            asked = {"limit": 1, "after": cursor}
            assert (await client.get(address, params=asked, headers=there)).status_code == 422
            assert (await client.get(address, params=asked, headers=here)).status_code == 200


async def fill_list(client, company, headers, path):
    """Have two things at least in a list."""
    db, at = company.db.raw, company.workspace.clock.now()
    for number in range(2):
        if path == "leads":
            await client.post("/api/v1/leads", json={"fullName": f"L{number}"}, headers=headers)
        elif path == "forms":
            await client.post("/api/v1/forms", json=EMPTY_FORM, headers=headers)
        elif path == "notifications":
            await db["notifications"].insert_one({"kind": "newLead", "params": {}, "createdAt": at})
        else:
            collection = {"audit-log": "auditlogs"}.get(path, "billinghistories")
            owner = "companyId" if path == "audit-log" else "userId"
            row = {"_id": ObjectId(), owner: ObjectId(company.id), "createdAt": at, "seq": 9000 + number}
            told = {"action": "update", "resource": "lead", "resourceId": "", "status": "success"}
            whole = {**row, **told, "fields": [], "actor": {"kind": "job", "id": ""}, "jobId": ObjectId()}
            await company.workspace.services.catalog._system.raw[collection].insert_one(whole)


async def test_what_changes_in_one_changes_nothing_in_the_other(client, acme, globex, here_and_there):
    """Preferences, roles and settings hang on the membership and the company, not on the account."""
    here, there = here_and_there
    preferences = "/api/v1/me/notification-preferences"
    await client.patch(preferences, json={"inApp": {"newLead": False}}, headers=here)
    await client.patch("/api/v1/company/settings", json={"timezone": "Asia/Tokyo"}, headers=here)
    await client.patch(f"/api/v1/members/{acme.id}", json={"assignedLeadsType": "hot"}, headers=here)

    assert (await client.get(preferences, headers=there)).json()["inApp"]["newLead"] is True
    company = (await client.get("/api/v1/company", headers=there)).json()
    assert company["settings"]["timezone"] == "UTC"
    team = (await client.get("/api/v1/members", headers=there)).json()["items"]
    assert next(one for one in team if one["id"] == acme.id)["assignedLeadsType"] is None


async def test_who_is_removed_from_one_stays_in_the_other(client, acme, globex, here_and_there):
    here, there = here_and_there

    removed = await client.delete(f"/api/v1/members/{acme.id}", headers=globex.headers)

    assert removed.status_code == 204
    assert (await client.get("/api/v1/leads", headers=there)).status_code == 401
    assert (await client.get("/api/v1/leads", headers=here)).status_code == 200


async def test_a_jobs_result_and_its_file_stay_where_it_ran(client, things, here_and_there, acme):
    here, there = here_and_there
    listed = (await client.get("/api/v1/company/exports", headers=here)).json()["items"]
    address = next(one for one in listed if one["id"] == things["export"])["url"].removeprefix(
        "http://test"
    )
    path = address.partition("?")[0]

    assert (await client.get(f"/api/v1/jobs/{things['export']}", headers=there)).status_code == 404
    assert (await client.get(path, headers=there)).status_code == 404
    assert (await client.get(address, headers=there)).content == b"a capsule", "the link alone says whose"


async def test_no_access_token_is_good_in_another_company(client, acme, globex, here_and_there):
    """What is written with each session lands in that session's company, whatever the request says."""
    here, there = here_and_there
    for headers, name in ((here, "Here"), (there, "There")):
        named = {**headers, "X-Company-ID": globex.id if name == "Here" else acme.id}
        await client.post("/api/v1/leads", json={"fullName": name}, headers=named)

    names = [one["fullName"] async for one in acme.db.raw["leads"].find()]
    assert names == ["Here"]
    assert [one["fullName"] async for one in globex.db.raw["leads"].find()] == ["There"]
