import asyncio
import encodings
import re
from urllib.parse import quote_plus

import httpx2
import pytest
from bson import ObjectId

from jazzaam.crm.forms.models import FORMS, SUBMISSIONS
from jazzaam.crm.leads.models import LEADS
from jazzaam.crm.records import ACTIVITIES
from jazzaam.errors import MalformedRequest
from jazzaam.jobs.models import JOBS
from jazzaam.tenancy.catalog import PUBLIC_KEYS
from jazzaam.web.form_body import read_form

PROFILE = {"linkedinUrl": "https://www.linkedin.com/in/ada-lovelace", "fullName": "Ada Lovelace"}
CUSTOM = {
    "name": "Contact",
    "fields": [
        {"name": "email", "type": "email", "label": "E-mail", "required": True},
        {"name": "name", "type": "text", "label": "Name"},
        {"name": "topic", "type": "select", "label": "Topic", "options": ["Sales", "Support"]},
    ],
    "settings": {"successMessage": "Thanks!", "redirectUrl": "https://example.com/thanks"},
}


@pytest.fixture
async def linkedin(client, acme):
    made = await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)
    assert made.status_code == 201
    return made.json()


@pytest.fixture
async def custom(client, acme):
    made = await client.post("/api/v1/forms", json=CUSTOM, headers=acme.headers)
    assert made.status_code == 201
    return made.json()


def submissions(form):
    return f"/api/v1/public/forms/{form['accessToken']}/submissions"


async def test_a_form_has_a_token_an_address_and_a_snippet(linkedin, custom, app):
    for form in (linkedin, custom):
        assert re.fullmatch(r"[0-9a-f]{64}", form["accessToken"])
        assert form["embedUrl"] == f"http://test/f/{form['accessToken']}"
        assert form["embedUrl"] in form["embedCode"]
        key = await app.state.deployment.system()[PUBLIC_KEYS].find_one(
            {"_id": form["accessToken"]}, {"state": 1, "resourceId": 1}
        )
        assert key == {"_id": form["accessToken"], "state": "active", "resourceId": form["id"]}


async def test_a_platform_has_one_form_and_a_refused_one_leaves_no_key(client, acme, linkedin, app):
    again = await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)

    assert again.status_code == 409
    keys = app.state.deployment.system()[PUBLIC_KEYS]
    assert await keys.count({"tenantId": acme.id}) == 1


async def test_a_submission_becomes_a_lead_of_that_company_and_no_other(client, acme, globex, linkedin):
    answer = await client.post(submissions(linkedin), json=PROFILE)

    assert answer.status_code == 201
    assert set(answer.json()) == {"submissionId", "message", "redirectUrl"}
    listed = await client.get("/api/v1/leads", headers=acme.headers)
    assert [lead["fullName"] for lead in listed.json()["items"]] == ["Ada Lovelace"]
    assert listed.json()["items"][0]["platformUrl"] == PROFILE["linkedinUrl"]
    assert (await client.get("/api/v1/leads", headers=globex.headers)).json()["items"] == []


async def test_a_submission_lead_history_and_job_are_written_together(client, acme, linkedin):
    answer = await client.post(submissions(linkedin), json={**PROFILE, "utm": "spring"})

    kept = await acme.db[SUBMISSIONS].find_one(
        {"_id": ObjectId(answer.json()["submissionId"])}, {"values": 1, "leadId": 1}
    )
    assert kept["values"] == {**PROFILE, "utm": "spring"}
    kinds = [row["kind"] async for row in acme.db[ACTIVITIES].find({"leadId": kept["leadId"]}, {"kind": 1})]
    assert sorted(kinds) == ["lead.captured", "lead.created"]
    jobs = await acme.db[JOBS].find({"name": "forms.notify_new_lead"}, {"state": 1}).to_list()
    assert [job["state"] for job in jobs] == ["queued"]


async def test_the_worker_tells_the_members_once(client, acme, linkedin, run_jobs):
    await client.post(submissions(linkedin), json=PROFILE)

    assert await run_jobs(acme) == 3  # the form's key, its audit entry, and this
    assert await run_jobs(acme) == 0

    told = (await client.get("/api/v1/notifications", headers=acme.headers)).json()["items"]
    assert [row["message"] for row in told] == ["Ada Lovelace came in through LinkedIn form."]


async def test_the_same_profile_again_is_one_lead_and_an_activity(client, acme, linkedin):
    first = await client.post(submissions(linkedin), json=PROFILE)
    again = await client.post(
        submissions(linkedin), json={"linkedinUrl": "linkedin.com/in/ADA-lovelace?x=1", "fullName": "Eve"}
    )

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["duplicate"] is True
    assert again.json()["message"] == first.json()["message"]
    leads = await acme.db[LEADS].find({}, {"fullName": 1}).to_list()
    assert [lead["fullName"] for lead in leads] == ["Ada Lovelace"]
    kinds = [row["kind"] async for row in acme.db[ACTIVITIES].find({}, {"kind": 1})]
    assert kinds.count("lead.submittedAgain") == 1
    assert await acme.db[SUBMISSIONS].count({}) == 2


async def test_sixty_identical_submissions_at_once_make_one_lead(client, acme, linkedin):
    answers = await asyncio.gather(*(client.post(submissions(linkedin), json=PROFILE) for _ in range(60)))

    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1
    assert statuses.count(200) == 59
    assert await acme.db[LEADS].count({}) == 1
    assert await acme.db[SUBMISSIONS].count({}) == 60


async def test_a_custom_form_fills_the_leads_fields(client, acme, custom):
    answer = await client.post(submissions(custom), data={"email": "Ada@Example.com", "topic": "Sales"})

    assert answer.status_code == 201
    assert answer.json()["message"] == "Thanks!"
    assert answer.json()["redirectUrl"] == "https://example.com/thanks"
    lead = (await client.get("/api/v1/leads", headers=acme.headers)).json()["items"][0]
    assert lead["email"] == "ada@example.com"
    assert lead["formId"] == custom["id"]
    assert lead["platform"] == "other"


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({}, "/email"),
        ({"email": "nobody"}, "/email"),
        ({"email": {"$gt": ""}}, "/email"),
        ({"email": "a@example.com", "topic": "Else"}, "/topic"),
    ],
)
async def test_a_bad_answer_is_named_and_nothing_is_written(client, acme, custom, sent, pointer):
    answer = await client.post(submissions(custom), json=sent)

    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    for spec in (LEADS, SUBMISSIONS, ACTIVITIES):
        assert await acme.db[spec].count({}) == 0
    assert await acme.db[JOBS].count({"name": "forms.notify_new_lead"}) == 0


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"<x/>", "application/xml", 415),
        (b"x", "", 415),
        (b"a" * 1_000_001, "application/json", 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(client, custom, content, media_type, status):
    answer = await client.post(submissions(custom), content=content, headers={"content-type": media_type})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


NAMES = ["Jörg Müller", "محمد علي", "王小明", "Ωmega & Söhne = 100 % +1"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["raw", "escaped", "multipart", "announced"])
async def test_a_name_is_stored_as_it_was_sent(client, acme, custom, name, kind):
    """Raw bytes were read as Latin-1: every name that is not English was falsified."""
    boundary = "x" * 20
    bodies = {
        "raw": (URL_ENCODED, raw(name)),
        "escaped": (URL_ENCODED, f"email=a%40example.com&name={quote_plus(name)}".encode()),
        "announced": (f"{URL_ENCODED}; charset=UTF-8", raw(name)),
        "multipart": (
            f'multipart/form-data; boundary="{boundary}"',
            multipart(boundary, ("email", "a@example.com"), ("name", name)),
        ),
    }
    content_type, content = bodies[kind]
    for address in (submissions(custom), f"/f/{custom['accessToken']}"):
        answer = await client.post(address, content=content, headers={"content-type": content_type})
        assert answer.status_code in (200, 201)

    kept = await acme.db[SUBMISSIONS].find({}, {"values": 1}).to_list()
    assert [row["values"]["name"] for row in kept] == [name, name]
    assert [lead["fullName"] async for lead in acme.db[LEADS].find({}, {"fullName": 1})] == [name, name]


URL_ENCODED = "application/x-www-form-urlencoded"


def raw(name):
    """As `curl -d` sends it: nothing is escaped but what would end the value."""
    escaped = name.translate({ord("&"): "%26", ord("="): "%3D", ord("+"): "%2B", ord("%"): "%25"})
    return f"email=a@example.com&name={escaped}".encode()


def multipart(boundary, *fields, files=()):
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields]
    parts += [
        f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n{content}"
        for name, file, content in files
    ]
    return ("".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n").encode()


async def test_another_charset_is_read_as_it_is_announced(client, acme, custom):
    content = "email=a@example.com&name=Jörg".encode("iso-8859-1")
    announced = {"content-type": f"{URL_ENCODED}; charset=ISO-8859-1"}

    answer = await client.post(submissions(custom), content=content, headers=announced)

    assert answer.status_code == 201
    assert (await acme.db[LEADS].find_one({}, {"fullName": 1}))["fullName"] == "Jörg"


async def test_a_visitor_who_comes_from_an_advertisement_loses_nothing(client, acme, custom):
    """A parameter that came twice closed the form to them, in JSON."""
    for query in ("utm_source=a&utm_source=b", "fbclid=1&fbclid=1", "gclid=%FF&gclid=%00"):
        page = f"/f/{custom['accessToken']}?{query}"
        assert (await client.get(page)).status_code == 200
        assert (await client.post(page, data={"email": "a@example.com"})).status_code == 200
        sent = await client.post(f"{submissions(custom)}?{query}", json={"email": "b@example.com"})
        assert sent.status_code == 201
    assert (await client.get("/api/v1/leads?limit=1&limit=2", headers=acme.headers)).status_code == 422


async def test_an_empty_form_makes_nobody(client, acme):
    """Where no field is required, each made a lead without anything in it."""
    fields = [{"name": "topic", "type": "text", "label": "Topic"}]
    made = await client.post("/api/v1/forms", json={"name": "F", "fields": fields}, headers=acme.headers)
    form = made.json()
    for sent in ({}, {"topic": ""}, {"topic": " "}, {"other": ""}):
        assert (await client.post(submissions(form), json=sent)).status_code == 422
        page = await client.post(f"/f/{form['accessToken']}", data={"x": "", **sent})
        assert page.status_code == 422
        assert "Nothing was filled in." in page.text
    assert await acme.db[LEADS].count({}) == 0

    assert (await client.post(submissions(form), json={"topic": "Sales"})).status_code == 201


async def test_a_page_that_sends_what_cannot_be_read_gets_the_form_again(client, acme, custom):
    """It got JSON."""
    answer = await client.post(
        f"/f/{custom['accessToken']}", content=b"name=J%F6rg", headers={"content-type": URL_ENCODED}
    )

    assert answer.status_code == 400
    assert "<form" in answer.text
    assert "not encoded as utf-8" in answer.text


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
async def test_what_json_does_not_know_is_refused(client, acme, custom, number):
    body = b'{"email": "a@example.com", "name": ' + number + b"}"
    answer = await client.post(
        submissions(custom), content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 400
    assert await acme.db[SUBMISSIONS].count({}) == 0


async def test_the_charset_that_html_puts_into_a_field_is_read(client, acme, custom):
    content = b"_charset_=windows-1252&email=a@example.com&name=J%F6rg"

    answer = await client.post(submissions(custom), content=content, headers={"content-type": URL_ENCODED})

    assert answer.status_code == 201
    assert (await acme.db[LEADS].find_one({}, {"fullName": 1}))["fullName"] == "Jörg"


def test_no_charset_that_a_stranger_names_is_remembered():
    """Python keeps every name that its lookup was ever asked for: half a megabyte a request, for good."""
    before = len(encodings._cache)
    for number in range(200):
        with pytest.raises(MalformedRequest):
            read_form(f"{URL_ENCODED}; charset=z{number}", b"a=b")

    assert len(encodings._cache) == before


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        (URL_ENCODED, b"email=a@example.com&name=J\xf6rg"),
        (URL_ENCODED, b"email=a@example.com&name=J%F6rg"),
        (URL_ENCODED, b"email=a@example.com&J\xf6rg=x"),
        (f"{URL_ENCODED}; charset=utf-7", b"email=a@example.com"),
        (f"{URL_ENCODED}; charset=unicode_escape", b"email=a@example.com"),
        (f"{URL_ENCODED}; charset=hex", b"email=a@example.com"),
        (f"{URL_ENCODED}; charset=\xff", b"email=a@example.com"),
        (URL_ENCODED, b"&".join(b"x%d=1" % number for number in range(1_001))),
        (URL_ENCODED, b"_charset_=utf-7&email=a@example.com"),
        (f"{URL_ENCODED}; charset={'q' * 10_000}", b"email=a@example.com"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", multipart("x", ("email", "a@example.com"), ("name", "J"))[:-9]),
        ("multipart/form-data; boundary=x", multipart("x", ("email", "a@example.com"))[:-4]),
        ("multipart/form-data; boundary=other", multipart("x", ("email", "a@example.com"))),
        (
            "multipart/form-data; boundary=x",
            multipart("x", ("email", "a@example.com"), ("name", "J?rg")).replace(b"?", b"\xf6"),
        ),
    ],
)
async def test_what_is_not_in_its_charset_is_refused_and_never_replaced(
    client, acme, custom, content_type, content
):
    answer = await client.post(
        submissions(custom), content=content, headers={"content-type": content_type.encode("latin-1")}
    )

    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/MalformedRequest"
    assert await acme.db[SUBMISSIONS].count({}) == 0


async def test_a_file_that_nobody_asked_for_loses_no_lead(client, acme, custom):
    for file in (("cv", "", ""), ("cv", "cv.pdf", "%PDF")):
        body = multipart("x", ("email", "a@example.com"), files=[file])
        headers = {"content-type": "multipart/form-data; boundary=x"}
        for address in (submissions(custom), f"/f/{custom['accessToken']}"):
            answer = await client.post(address, content=body, headers=headers)
            assert answer.status_code in (200, 201)

    assert await acme.db[LEADS].count({}) == 4


async def test_a_body_of_another_type_is_told_which_ones_are_taken(client, custom):
    headers = {"content-type": "text/plain"}
    by_api = await client.post(submissions(custom), content=b"x", headers=headers)
    by_page = await client.post(f"/f/{custom['accessToken']}", content=b"x", headers=headers)

    assert by_api.json()["detail"] == (
        "Send the body as application/json, application/x-www-form-urlencoded or multipart/form-data."
    )
    assert by_page.json()["detail"] == (
        "Send the body as application/x-www-form-urlencoded or multipart/form-data."
    )


async def test_members_are_told_of_who_writes_again_and_read_what_was_sent(
    client, acme, globex, linkedin, run_jobs
):
    await client.post(submissions(linkedin), json=PROFILE)
    await client.post(submissions(linkedin), json={**PROFILE, "fullName": "Ada King", "message": "Call me"})
    await run_jobs(acme)

    told = (await client.get("/api/v1/notifications", headers=acme.headers)).json()["items"]
    assert [one["message"] for one in told if one["kind"] == "submittedAgain"] == [
        "Ada Lovelace wrote again through LinkedIn form."
    ]
    lead_id = told[0]["leadId"]
    page = await client.get(f"/api/v1/submissions?leadId={lead_id}&limit=1", headers=acme.headers)
    after = page.json()["next"]
    following = await client.get(
        f"/api/v1/submissions?leadId={lead_id}&limit=1&after={after}", headers=acme.headers
    )
    rows = page.json()["items"] + following.json()["items"]
    assert [row["values"]["fullName"] for row in rows] == ["Ada King", "Ada Lovelace"]
    assert rows[0]["values"]["message"] == "Call me"
    assert following.json()["next"] is None
    theirs = await client.get(f"/api/v1/submissions?leadId={lead_id}", headers=globex.headers)
    assert theirs.status_code == 404
    assert (await client.get("/api/v1/submissions", headers=acme.headers)).status_code == 422


async def test_strangers_share_no_idempotency_keys(app, client, acme, custom):
    async def submit(address, email):
        transport = httpx2.ASGITransport(app=app, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as visitor:
            return await visitor.post(
                submissions(custom), json={"email": email}, headers={"Idempotency-Key": "1"}
            )

    first = await submit("192.0.2.1", "a@example.com")
    again = await submit("192.0.2.1", "a@example.com")
    other = await submit("192.0.2.2", "b@example.com")

    assert first.json() == again.json()
    assert other.status_code == 201
    assert await acme.db[LEADS].count({}) == 2


@pytest.mark.parametrize("token", ["0" * 64, "x", "A" * 64, "%24ne", "0" * 63])
async def test_a_wrong_token_is_a_404_everywhere(client, linkedin, token):
    for method, address in (
        ("GET", f"/api/v1/public/forms/{token}"),
        ("POST", f"/api/v1/public/forms/{token}/submissions"),
        ("GET", f"/f/{token}"),
        ("POST", f"/f/{token}"),
    ):
        answer = await client.request(method, address, json={} if method == "POST" else None)
        assert answer.status_code == 404


async def test_a_reserved_key_opens_nothing(client, acme, linkedin, app):
    keys = app.state.deployment.system()[PUBLIC_KEYS]
    token = "ab" * 32
    row = {
        "_id": token,
        "state": "reserved",
        "tenantId": acme.id,
        "kind": "form",
        "resourceId": linkedin["id"],
    }
    await keys.insert(row)

    assert (await client.get(f"/f/{token}")).status_code == 404


async def test_a_key_whose_form_is_inactive_opens_nothing(client, acme, linkedin):
    await acme.db[FORMS].update_one({"_id": ObjectId(linkedin["id"])}, {"$set": {"status": "inactive"}})

    assert (await client.get(linkedin["embedUrl"])).status_code == 404
    assert (await client.post(submissions(linkedin), json=PROFILE)).status_code == 404


async def test_a_visitor_sees_the_definition_and_no_more(client, linkedin):
    shown = (await client.get(f"/api/v1/public/forms/{linkedin['accessToken']}")).json()

    assert set(shown) == {"formType", "config", "styling"}


class TestPage:
    async def test_a_visitor_submits_the_page_without_any_script(self, client, acme, linkedin):
        page = await client.get(linkedin["embedUrl"])
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "set-cookie" not in page.headers
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)[1]

        thanks = await client.post(action, data=PROFILE)
        again = await client.post(action, data=PROFILE)

        assert thanks.status_code == again.status_code == 200
        assert strip_nonce(thanks.text) == strip_nonce(again.text)
        assert await acme.db[LEADS].count({}) == 1

    async def test_a_mistake_is_shown_beside_what_was_typed(self, client, custom):
        answer = await client.post(custom["embedUrl"], data={"email": '"><b>x', "topic": "Sales"})

        assert answer.status_code == 422
        assert "is not an e-mail address" in answer.text
        assert "<b>x" not in answer.text
        assert "&lt;b&gt;x" in answer.text
        assert "<option selected>Sales</option>" in answer.text

    async def test_a_hostile_configuration_is_text(self, client, acme):
        evil = '"><script>alert(1)</script>{{7*7}}'
        made = await client.post(
            "/api/v1/forms",
            json={
                "name": evil,
                "fields": [
                    {"name": "a", "type": "text", "label": evil, "placeholder": evil, "help": evil},
                    {"name": "b", "type": "select", "label": "b", "options": [evil]},
                ],
                "settings": {"title": evil, "submitButtonText": evil, "successMessage": evil},
            },
            headers=acme.headers,
        )
        page = await client.get(made.json()["embedUrl"])

        assert made.status_code == 201
        assert "<script" not in page.text
        assert "{{7*7}}" in page.text
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'nonce-")
        assert "sandbox allow-forms" in policy
        assert "allow-same-origin" not in policy

    @pytest.mark.parametrize(
        "change",
        [
            {"styling": {"primaryColor": "red;}body{x"}},
            {"styling": {"fontFamily": "x;} @import url(//evil)"}},
            {"settings": {"redirectUrl": "javascript:alert(1)"}},
            {"settings": {"redirectUrl": "http://example.com"}},
            {"settings": {"redirectUrl": "https://a@b.com"}},
            {"fields": [{"name": "a b", "type": "text", "label": "x"}]},
            {"fields": [{"name": "$a", "type": "text", "label": "x"}]},
            {"fields": [{"name": "a", "type": "script", "label": "x"}]},
            {"fields": [{"name": "a", "type": "select", "label": "x"}]},
            {
                "fields": [
                    {"name": "a", "type": "text", "label": "x"},
                    {"name": "A", "type": "text", "label": "x"},
                ]
            },
            {"fields": []},
        ],
    )
    async def test_what_does_not_fit_the_grammar_is_not_saved(self, client, acme, change):
        answer = await client.post("/api/v1/forms", json={**CUSTOM, **change}, headers=acme.headers)

        assert answer.status_code == 422
        assert await acme.db[FORMS].count({}) == 0


def strip_nonce(text):
    return re.sub(r'nonce="[^"]+"', "", text)


class TestMeetings:
    """What happens when two things happen at once, or a process ends in between."""

    async def test_a_form_whose_key_was_not_activated_is_finished_by_its_job(
        self, client, acme, linkedin, app, run_jobs
    ):
        keys = app.state.deployment.system()[PUBLIC_KEYS]
        await keys.update_one({"_id": linkedin["accessToken"]}, {"$set": {"state": "reserved"}})
        async with asyncio.timeout(1.2):
            while (await client.get(linkedin["embedUrl"])).status_code == 200:
                await asyncio.sleep(0.01)

        await run_jobs(acme)

        assert (await client.get(linkedin["embedUrl"])).status_code == 200

    async def test_a_person_who_comes_back_while_their_lead_is_deleted_is_not_lost(
        self, client, acme, linkedin
    ):
        for _ in range(15):
            await client.post(submissions(linkedin), json=PROFILE)
            lead = (await client.get("/api/v1/leads", headers=acme.headers)).json()["items"][0]

            again, _ = await asyncio.gather(
                client.post(submissions(linkedin), json=PROFILE),
                client.delete(f"/api/v1/leads/{lead['id']}", headers=acme.headers),
            )

            assert again.status_code in (200, 201)
            kept = await acme.db[SUBMISSIONS].find_one(
                {"_id": ObjectId(again.json()["submissionId"])}, {"leadId": 1}
            )
            if kept is not None:  # else it went to the trash with its lead, after it was answered
                assert await acme.db[LEADS].count({"_id": kept["leadId"]}) == 1

    async def test_a_form_that_is_closed_while_a_body_arrives_takes_it_no_more(
        self, client, acme, linkedin, app
    ):
        assert (await client.get(linkedin["embedUrl"])).status_code == 200

        async def slow():
            yield b'{"linkedinUrl": '
            await acme.db[FORMS].update_one(
                {"_id": ObjectId(linkedin["id"])}, {"$set": {"status": "inactive"}}
            )
            yield b'"linkedin.com/in/late"}'

        answer = await client.post(
            submissions(linkedin), content=slow(), headers={"content-type": "application/json"}
        )

        assert answer.status_code == 404
        assert await acme.db[LEADS].count({}) == 0

    async def test_a_repeated_request_gets_the_answer_of_the_first(self, client, linkedin):
        await client.post(submissions(linkedin), json=PROFILE)
        key = {"Idempotency-Key": "again"}

        first = await client.post(submissions(linkedin), json=PROFILE, headers=key)
        second = await client.post(submissions(linkedin), json=PROFILE, headers=key)

        assert first.status_code == second.status_code == 200
        assert first.json() == second.json()

    async def test_a_long_answer_does_not_break_the_list_it_ends_in(self, client, acme, custom):
        for number in range(3):
            sent = {"email": f"a{number}@example.com", "fullName": "\U0001f600" * 900}
            await client.post(submissions(custom), json=sent)
        await acme.db[LEADS].update_many({}, {"$set": {"fullName": "\U0001f600" * 200}})

        page = await client.get("/api/v1/leads?sort=fullName&limit=1", headers=acme.headers)
        following = await client.get(
            "/api/v1/leads",
            params={"sort": "fullName", "limit": 1, "after": page.json()["next"]},
            headers=acme.headers,
        )

        assert following.status_code == 200

    async def test_a_page_takes_forms_alone(self, client, linkedin):
        answer = await client.post(
            linkedin["embedUrl"],
            content=b'{"fullName": "\\ud800"}',
            headers={"content-type": "application/json"},
        )

        assert answer.status_code == 415
