import asyncio
from datetime import UTC, datetime

import pytest
from bson import ObjectId

from jazzaam.crm.leads.models import LEADS
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.crm.records import ACTIVITIES, TRASH

ADA = {"fullName": "Ada Lovelace", "email": "Ada@Example.com", "company": "Engines"}


async def test_a_lead_is_seen_by_its_own_company_only(client, as_member, acme, globex):
    created = await client.post("/api/v1/leads", json=ADA, headers=as_member(acme))

    ours = await client.get(created.headers["location"], headers=as_member(acme))
    theirs = await client.get(created.headers["location"], headers=as_member(globex))

    assert ours.status_code == 200
    assert theirs.status_code == 404


async def test_a_created_lead_reads_back_as_it_was_answered(client, acme):
    created = await client.post("/api/v1/leads", json=ADA, headers=acme.headers)
    read = await client.get(created.headers["location"], headers=acme.headers)

    assert created.status_code == 201
    assert read.json() == created.json()
    assert read.json()["email"] == "ada@example.com"
    assert read.json()["status"] == "new"
    assert read.headers["etag"] == '"1"'


async def test_a_lead_written_directly_shows_neither_unknown_keys_nor_an_api_key(client, acme, application):
    database = application.deployment.clusters.client("main")[acme.db.tenant.database]
    lead = {
        "_id": ObjectId(),
        "platform": "linkedin",
        "platformUrl": "https://www.linkedin.com/in/raw",
        "fullName": "Raw Lead",
        "status": "converted",
        "createdAt": datetime.now(UTC),
        "apiKey": "the-company-key",
        "somethingElse": "unknown-key",
        "bant": {"totalScore": 3, "rawResponse": {"deep": "raw-answer"}},
    }
    await database["leads"].insert_one(lead)

    for address in ("/api/v1/leads", "/api/v1/leads?view=full", f"/api/v1/leads/{lead['_id']}"):
        answer = await client.get(address, headers=acme.headers)
        assert answer.status_code == 200
        assert "Raw Lead" in answer.text
        for hidden in ("apiKey", "the-company-key", "somethingElse", "unknown-key", "raw-answer"):
            assert hidden not in answer.text


async def test_a_list_goes_on_where_the_last_page_ended(client, acme):
    for number in range(7):
        await client.post("/api/v1/leads", json={"fullName": f"Lead {number}"}, headers=acme.headers)

    seen, cursor = [], None
    for _ in range(4):
        params = {"limit": 2, **({"after": cursor} if cursor else {})}
        page = (await client.get("/api/v1/leads", params=params, headers=acme.headers)).json()
        seen += [lead["fullName"] for lead in page["items"]]
        cursor = page["next"]

    assert seen == [f"Lead {number}" for number in reversed(range(7))]
    assert cursor is None


@pytest.mark.parametrize(
    "sort", ["fullName", "-fullName", "leadScore", "-leadScore", "updatedAt", "createdAt"]
)
async def test_pages_of_every_sort_show_each_lead_once(client, acme, sort):
    names = ["Cem", None, "Ada", "Bo", None, "Ada"]
    for number, name in enumerate(names):
        body = {"email": f"l{number}@example.com", "leadScore": number % 3}
        await client.post(
            "/api/v1/leads", json={**body, **({"fullName": name} if name else {})}, headers=acme.headers
        )
    database = acme.workspace.db[LEADS]
    await database.update_many({"fullName": ""}, {"$unset": {"fullName": ""}})

    seen, cursor = [], None
    for _ in range(10):
        params = {"limit": 1, "sort": sort, **({"after": cursor} if cursor else {})}
        page = (await client.get("/api/v1/leads", params=params, headers=acme.headers)).json()
        seen += [lead["email"] for lead in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    whole = await client.get("/api/v1/leads", params={"sort": sort}, headers=acme.headers)

    assert seen == [lead["email"] for lead in whole.json()["items"]]
    assert len(set(seen)) == len(names)


async def test_filters_and_total_count_the_same_leads(client, acme):
    for number in range(3):
        await client.post("/api/v1/leads", json={"fullName": f"N{number}"}, headers=acme.headers)
    await client.post(
        "/api/v1/leads", json={"fullName": "Hot", "status": "hot", "platform": "meta"}, headers=acme.headers
    )

    hot = await client.get("/api/v1/leads?status=hot&platform=meta&total=true", headers=acme.headers)
    none = await client.get("/api/v1/leads?status=hot&platform=linkedin", headers=acme.headers)

    assert [lead["fullName"] for lead in hot.json()["items"]] == ["Hot"]
    assert hot.json()["total"] == 1
    assert none.json()["items"] == []


async def test_a_cursor_of_another_company_or_list_is_refused(client, acme, globex):
    for company in (acme, globex):
        for number in range(2):
            await client.post("/api/v1/leads", json={"fullName": f"N{number}"}, headers=company.headers)
    page = (await client.get("/api/v1/leads?limit=1", headers=acme.headers)).json()

    ours = await client.get("/api/v1/leads", params={"after": page["next"]}, headers=acme.headers)
    theirs = await client.get("/api/v1/leads", params={"after": page["next"]}, headers=globex.headers)
    other = await client.get(
        "/api/v1/leads", params={"after": page["next"], "sort": "fullName"}, headers=acme.headers
    )
    forged = await client.get("/api/v1/leads", params={"after": "A" * 90}, headers=acme.headers)

    assert ours.status_code == 200
    for refused in (theirs, other, forged):
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/query/after"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=101", "/query/limit"),
        ("limit=1000000", "/query/limit"),
        ("sort=notes", "/query/sort"),
        ("color=red", "/query/color"),
        ("status=converted", "/query/status"),
        ("status[$ne]=new", "/query/status[$ne]"),
        ("after=%00", "/query/after"),
    ],
)
async def test_what_a_list_cannot_be_asked_is_named(client, acme, query, pointer):
    answer = await client.get(f"/api/v1/leads?{query}", headers=acme.headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("lead_id", ["x", "6B04F9FBA9EF1F72A017E29C", "6b04f9fba9ef1f72a017e29", "%24ne"])
async def test_a_malformed_id_is_named(client, acme, lead_id):
    answer = await client.get(f"/api/v1/leads/{lead_id}", headers=acme.headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/path/leadId"


async def test_a_patch_changes_what_it_names_and_null_removes(client, acme):
    created = await client.post("/api/v1/leads", json={**ADA, "phone": "+1 555 0100"}, headers=acme.headers)

    patched = await client.patch(
        created.headers["location"], json={"phone": None, "jobTitle": "Countess"}, headers=acme.headers
    )

    assert patched.status_code == 200
    assert patched.json()["jobTitle"] == "Countess"
    assert "phone" not in patched.json()
    assert patched.json()["fullName"] == "Ada Lovelace"
    assert patched.headers["etag"] == '"2"'


async def test_a_new_last_name_is_in_the_full_name_and_in_the_order(client, acme):
    """`fullName` stayed what it was, in lists and in their order."""
    made = await client.post(
        "/api/v1/leads", json={"firstName": "Jane", "lastName": "Abel"}, headers=acme.headers
    )
    await client.post("/api/v1/leads", json={"fullName": "Jane Moe"}, headers=acme.headers)
    path = made.headers["location"]

    changed = await client.patch(path, json={"lastName": "Zed"}, headers=acme.headers)

    assert changed.json()["fullName"] == "Jane Zed"
    page = await client.get("/api/v1/leads?sort=fullName", headers=acme.headers)
    assert [lead["fullName"] for lead in page.json()["items"]] == ["Jane Moe", "Jane Zed"]


async def test_a_lead_cannot_be_emptied_until_nobody_is_left(client, acme):
    made = await client.post("/api/v1/leads", json={"phone": "+49 170 1234567"}, headers=acme.headers)
    assert made.status_code == 201
    path = made.headers["location"]
    named = await client.patch(path, json={"firstName": "Ada"}, headers=acme.headers)
    assert named.status_code == 200

    nameless = await client.patch(path, json={"firstName": None}, headers=acme.headers)
    nobody = await client.patch(path, json={"phone": None}, headers=acme.headers)

    assert nameless.status_code == 200
    assert nobody.status_code == 422
    assert (await client.get(path, headers=acme.headers)).json()["phone"] == "+49 170 1234567"


async def test_a_lead_is_assigned_to_an_active_member_and_taken_away(client, acme, globex, join, plane):
    person, theirs = await join(acme)
    gone, _ = await join(acme)
    await client.patch(f"/api/v1/members/{gone.id}", json={"isActive": False}, headers=acme.headers)
    made = await client.post(
        "/api/v1/leads", json={"fullName": "A", "assignedTo": person.id}, headers=acme.headers
    )
    await client.post("/api/v1/leads", json={"fullName": "B"}, headers=acme.headers)
    path = made.headers["location"]

    assert made.status_code == 201
    assert made.json()["assignedTo"] == person.id
    assert made.json()["assignmentDate"] is not None
    assert made.json()["status"] == "new"

    async def names(query, headers):
        page = (await client.get(f"/api/v1/leads?assignedTo={query}", headers=headers)).json()
        return [lead["fullName"] for lead in page["items"]]

    assert await names("me", theirs) == await names(person.id, acme.headers) == ["A"]
    assert await names("me", acme.headers) == []
    for nobody in (globex.id, gone.id, "f" * 24):
        for method, address in (("POST", "/api/v1/leads"), ("PATCH", path)):
            refused = await client.request(
                method, address, json={"fullName": "C", "assignedTo": nobody}, headers=acme.headers
            )
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["pointer"] == "/assignedTo"
    away = await client.patch(path, json={"assignedTo": None}, headers=acme.headers)
    assert away.status_code == 200
    assert "assignedTo" not in away.json()
    assert "assignmentDate" not in away.json()
    assert await names("me", theirs) == []


async def test_an_assignment_that_stays_as_it_is_is_no_assignment(client, acme, join):
    """A form that sends all of a lead could not be saved any more once its assignee had left."""
    person, _ = await join(acme)
    body = {"fullName": "A", "assignedTo": person.id}
    made = await client.post("/api/v1/leads", json=body, headers=acme.headers)
    path, assigned_at = made.headers["location"], made.json()["assignmentDate"]
    member = f"/api/v1/members/{person.id}"
    assert (await client.patch(member, json={"isActive": False}, headers=acme.headers)).status_code == 200

    saved = await client.patch(path, json={**body, "notes": "called"}, headers=acme.headers)

    assert saved.status_code == 200
    assert (saved.json()["notes"], saved.json()["assignmentDate"]) == ("called", assigned_at)
    assert (await client.patch(path, json={"assignedTo": None}, headers=acme.headers)).status_code == 200
    assert (await client.patch(path, json=body, headers=acme.headers)).status_code == 422


async def test_who_sees_their_own_leads_makes_none_for_others(client, acme, join):
    person, theirs = await join(acme)
    await client.patch("/api/v1/company/settings", json={"leadVisibility": "own"}, headers=acme.headers)

    async def make(assignee):
        body = {"fullName": "A", "assignedTo": assignee}
        return (await client.post("/api/v1/leads", json=body, headers=theirs)).status_code

    assert [await make(person.id), await make(acme.id)] == [201, 422]


async def test_a_move_to_another_status_is_history(client, acme):
    created = await client.post("/api/v1/leads", json=ADA, headers=acme.headers)

    await client.patch(created.headers["location"], json={"status": "hot"}, headers=acme.headers)
    await client.patch(created.headers["location"], json={"status": "hot"}, headers=acme.headers)

    lead_id = ObjectId(created.json()["id"])
    fields = {"kind": 1, "data": 1, "actor": 1}
    rows = await acme.db[ACTIVITIES].find({"leadId": lead_id}, fields, sort=[("_id", 1)]).to_list()
    assert [row["kind"] for row in rows] == ["lead.created", "lead.statusChanged"]
    assert rows[1]["data"] == {"before": "new", "after": "hot"}
    assert rows[1]["actor"] == {"kind": "account", "id": acme.id}
    hot = await client.get("/api/v1/leads?status=hot", headers=acme.headers)
    assert len(hot.json()["items"]) == 1


async def test_an_edit_of_an_older_revision_is_refused(client, acme):
    created = await client.post("/api/v1/leads", json=ADA, headers=acme.headers)
    place = created.headers["location"]

    first = await client.patch(
        place, json={"notes": "one"}, headers={**acme.headers, "If-Match": created.headers["etag"]}
    )
    second = await client.patch(
        place, json={"notes": "two"}, headers={**acme.headers, "If-Match": created.headers["etag"]}
    )

    assert first.status_code == 200
    assert second.status_code == 412
    assert (await client.get(place, headers=acme.headers)).json()["notes"] == "one"


async def test_a_profile_is_one_lead(client, acme):
    body = {"platform": "linkedin", "platformUrl": "https://www.linkedin.com/in/ada"}

    first = await client.post("/api/v1/leads", json=body, headers=acme.headers)
    second = await client.post("/api/v1/leads", json=body, headers=acme.headers)

    assert first.status_code == 201
    assert second.status_code == 409
    assert second.json()["type"] == "/problems/LeadExists"


async def test_leads_without_a_profile_are_not_compared(client, acme):
    for _ in range(2):
        answer = await client.post("/api/v1/leads", json=ADA, headers=acme.headers)
        assert answer.status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fullName": "A", "unknown": 1},
        {"fullName": {"$gt": ""}},
        {"fullName": "A\x00B"},
        {"fullName": "A" * 201},
        {"fullName": "A", "status": "converted"},
        {"fullName": "A", "leadScore": 101},
        {"fullName": "A", "email": "not an address"},
        {"fullName": "A", "value": {"amountMinor": 2**63, "currency": "USD"}},
        {"fullName": "A", "tags": [{"name": ""}]},
        {"_id": "6b04f9fba9ef1f72a017e29c", "fullName": "A"},
        [],
        "text",
    ],
)
async def test_a_bad_lead_is_refused_and_nothing_is_written(client, acme, body):
    answer = await client.post("/api/v1/leads", json=body, headers=acme.headers)

    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert await acme.db[LEADS].count({}) == 0


async def test_half_a_character_is_refused(client, acme):
    raw = b'{"fullName": "\\ud800"}'
    answer = await client.post(
        "/api/v1/leads", content=raw, headers={**acme.headers, "content-type": "application/json"}
    )

    assert answer.status_code in (400, 422)
    assert await acme.db[LEADS].count({}) == 0


async def test_a_deleted_lead_goes_to_the_trash_with_what_hangs_on_it(client, acme):
    created = await client.post("/api/v1/leads", json=ADA, headers=acme.headers)
    lead_id = ObjectId(created.json()["id"])
    await acme.db[NOTIFICATIONS].insert({"_id": ObjectId(), "leadId": lead_id, "isRead": False})

    deleted = await client.delete(created.headers["location"], headers=acme.headers)
    again = await client.delete(created.headers["location"], headers=acme.headers)

    assert deleted.status_code == 204
    assert again.status_code == 404
    assert await acme.db[NOTIFICATIONS].count({"leadId": lead_id}) == 0
    kinds = [row["kind"] async for row in acme.db[TRASH].find({}, {"kind": 1})]
    assert sorted(kinds) == ["leads", "notifications"]


async def test_a_deleted_profile_may_come_again(client, acme):
    body = {"platform": "linkedin", "platformUrl": "https://www.linkedin.com/in/again"}
    created = await client.post("/api/v1/leads", json=body, headers=acme.headers)
    await client.delete(created.headers["location"], headers=acme.headers)

    assert (await client.post("/api/v1/leads", json=body, headers=acme.headers)).status_code == 201


class TestIdempotency:
    async def test_the_same_request_has_one_effect_and_the_same_answer(self, client, acme):
        headers = {**acme.headers, "Idempotency-Key": "k1"}

        first = await client.post("/api/v1/leads", json=ADA, headers=headers)
        second = await client.post("/api/v1/leads", json=ADA, headers=headers)

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert await acme.db[LEADS].count({}) == 1

    async def test_another_body_under_the_same_key_is_refused(self, client, acme):
        headers = {**acme.headers, "Idempotency-Key": "k1"}
        await client.post("/api/v1/leads", json=ADA, headers=headers)

        other = await client.post("/api/v1/leads", json={"fullName": "Bo"}, headers=headers)

        assert other.status_code == 422
        assert other.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"

    async def test_a_key_is_the_companys_own(self, client, acme, globex):
        key = {"Idempotency-Key": "shared"}

        first = await client.post("/api/v1/leads", json=ADA, headers={**acme.headers, **key})
        other = await client.post("/api/v1/leads", json=ADA, headers={**globex.headers, **key})

        assert first.json()["id"] != other.json()["id"]
        assert await globex.db[LEADS].count({}) == 1

    async def test_many_at_once_have_one_effect(self, client, acme):
        headers = {**acme.headers, "Idempotency-Key": "race"}

        answers = await asyncio.gather(
            *(client.post("/api/v1/leads", json=ADA, headers=headers) for _ in range(12))
        )

        assert {answer.status_code for answer in answers} <= {201, 409}
        assert any(answer.status_code == 201 for answer in answers)
        assert await acme.db[LEADS].count({}) == 1


async def test_a_lead_that_was_changed_meanwhile_is_not_deleted(client, acme):
    created = await client.post("/api/v1/leads", json=ADA, headers=acme.headers)
    place, tag = created.headers["location"], created.headers["etag"]
    changed = await client.patch(place, json={"notes": "one"}, headers=acme.headers)

    refused = await client.delete(place, headers={**acme.headers, "If-Match": tag})
    assert (refused.status_code, refused.json()["type"]) == (412, "/problems/LeadChanged")
    assert (await client.get(place, headers=acme.headers)).status_code == 200

    newest = {**acme.headers, "If-Match": changed.headers["etag"]}
    assert (await client.delete(place, headers=newest)).status_code == 204
