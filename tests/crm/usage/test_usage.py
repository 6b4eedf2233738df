"""Limits as a company meets them: a 402, a 429, a quarantine, and a page that says how much is used."""

import asyncio

import pytest

from jazzaam.control.billing.plans import LIMITS, Plan, limits_of
from jazzaam.crm.forms.models import FORMS, SUBMISSIONS
from jazzaam.crm.leads.models import LEADS
from jazzaam.crm.usage.service import COUNTERS
from jazzaam.tenancy.limits import USAGES, count_all

PROFILE = "https://www.linkedin.com/in/somebody-{0}"


@pytest.fixture
def allow(application, app):
    """Give a company limits, as a plan does."""

    async def allow(company, **limits):
        await application.deployment.tenancy.catalog.alter(
            {"_id": company.id}, {"$set": {"limits": {**dict.fromkeys(LIMITS), **limits}}}
        )

    return allow


async def create(client, company, name="Ada", **headers):
    body = {"platform": "other", "fullName": name}
    return await client.post("/api/v1/leads", json=body, headers={**company.headers, **headers})


async def usage(client, company):
    answer = await client.get("/api/v1/company/usage", headers=company.headers)
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["limits"]}


def test_every_plan_has_every_limit():
    for plan in Plan:
        assert limits_of(plan).keys() == LIMITS.keys()


async def test_a_company_sees_what_it_uses(client, acme, globex, allow):
    await allow(acme, leads=10, mailsPerDay=5)
    await create(client, acme)
    await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)

    ours, theirs = await usage(client, acme), await usage(client, globex)

    assert ours["leads"] == {"name": "leads", "unit": "leads", "per": "total", "allowed": 10, "used": 1}
    assert ours["forms"]["used"] == 1
    assert ours["storedBytes"]["used"] > 0
    assert ours["mailsPerDay"] == {
        "name": "mailsPerDay", "unit": "mails", "per": "day", "allowed": 5, "used": 0,
    }  # fmt: skip
    assert theirs["leads"]["used"] == 0


async def test_seats_are_counted_with_who_is_invited(client, acme, globex):
    before = (await usage(client, acme))["members"]["used"]
    body = {"email": "new@example.com", "role": "member"}
    assert (await client.post("/api/v1/invitations", json=body, headers=acme.headers)).status_code == 201

    assert (before, (await usage(client, acme))["members"]["used"]) == (0, 1)
    assert (await usage(client, globex))["members"]["used"] == 0


async def test_a_lead_over_the_limit_is_a_402_that_names_it(client, acme, allow):
    await allow(acme, leads=2)
    for _ in range(2):
        assert (await create(client, acme)).status_code == 201

    refused = await create(client, acme)

    assert refused.status_code == 402
    assert refused.json()["type"] == "/problems/LimitReached"
    assert refused.json()["limit"] == "leads"
    assert await acme.db[LEADS].count({}) == 2


async def test_deleting_a_lead_makes_room(client, acme, allow):
    await allow(acme, leads=1)
    made = await create(client, acme)
    assert (await create(client, acme)).status_code == 402
    await client.delete(made.headers["location"], headers=acme.headers)

    assert (await create(client, acme)).status_code == 201


async def test_what_fails_or_is_repeated_uses_nothing(client, acme, allow):
    await allow(acme, leads=2)
    first = await create(client, acme, **{"Idempotency-Key": "one"})
    again = await create(client, acme, **{"Idempotency-Key": "one"})
    assert first.json()["id"] == again.json()["id"]
    profile = {"platform": "linkedin", "platformUrl": PROFILE.format(1)}
    assert (await client.post("/api/v1/leads", json=profile, headers=acme.headers)).status_code == 201
    await acme.db[LEADS].delete_many({"platform": "other"})
    for _ in range(3):
        refused = await client.post("/api/v1/leads", json=profile, headers=acme.headers)
        assert refused.status_code in (402, 409)

    assert await acme.db[LEADS].count({}) == 1


async def test_a_repeated_request_at_the_limit_gets_its_answer(client, acme, allow):
    await allow(acme, leads=1, forms=1)
    first = await create(client, acme, **{"Idempotency-Key": "one"})
    again = await create(client, acme, **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    headers = {**acme.headers, "Idempotency-Key": "form"}
    forms = [await client.post("/api/v1/forms/platforms/meta", headers=headers) for _ in range(2)]

    assert [form.status_code for form in forms] == [201, 201]
    assert (await create(client, acme)).status_code == 402


async def test_a_form_over_the_limit_is_refused_and_leaves_no_key(client, acme, allow, application):
    await allow(acme, forms=1)
    assert (await client.post("/api/v1/forms/platforms/meta", headers=acme.headers)).status_code == 201

    refused = await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)

    assert refused.status_code == 402
    assert await acme.db[FORMS].count({}) == 1
    keys = application.deployment.clusters.client("main")["jazzaam_system"]["publickeys"]
    assert await keys.count_documents({"tenantId": acme.id}) == 1


async def test_captured_leads_over_the_limit_are_kept_never_refused(client, acme, allow, run_jobs):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    await allow(acme, leads=1)
    address = f"/api/v1/public/forms/{form['accessToken']}/submissions"

    async def submit(number):
        return await client.post(address, json={"linkedinUrl": PROFILE.format(number)})

    answers = [await submit(number) for number in range(4)]
    again = await submit(0)
    await run_jobs(acme)

    assert [answer.status_code for answer in answers] == [201] * 4
    assert again.status_code == 200
    assert {tuple(sorted(answer.json())) for answer in answers} == {tuple(sorted(answers[0].json()))}
    assert await acme.db[LEADS].count({}) == 1
    assert await acme.db[SUBMISSIONS].count({"state": "quarantine", "leadId": {"$exists": False}}) == 3
    assert await acme.db[SUBMISSIONS].count({"state": {"$exists": False}}) == 2
    told = (await client.get("/api/v1/notifications", headers=acme.headers)).json()["items"]
    assert [one["kind"] for one in told].count("leadsWaiting") == 1


@pytest.fixture
async def contact(client, acme):
    """A custom form: what it makes has no profile."""
    fields = [{"name": "email", "type": "email", "label": "E-mail"}]
    made = await client.post(
        "/api/v1/forms", json={"name": "Contact", "fields": fields}, headers=acme.headers
    )
    assert made.status_code == 201
    return made.json()


async def test_a_full_company_keeps_what_a_custom_form_brings(client, acme, allow, contact, run_jobs):
    """It ended in a 500, and the submission was lost."""
    await allow(acme, leads=1)
    address = f"/api/v1/public/forms/{contact['accessToken']}/submissions"
    await client.post(address, json={"email": "first@example.com"})

    by_json = await client.post(address, json={"email": "second@example.com"})
    by_page = await client.post(f"/f/{contact['accessToken']}", data={"email": "third@example.com"})
    await run_jobs(acme)

    assert (by_json.status_code, by_page.status_code) == (201, 200)
    assert await acme.db[LEADS].count({}) == 1
    kept = await acme.db[SUBMISSIONS].find({"state": "quarantine"}, {"values": 1}).to_list()
    assert [row["values"]["email"] for row in kept] == ["second@example.com", "third@example.com"]
    told = (await client.get("/api/v1/notifications", headers=acme.headers)).json()["items"]
    assert [one["kind"] for one in told].count("leadsWaiting") == 1


async def test_a_company_keeps_so_many_submissions_and_then_asks_for_patience(
    client, acme, allow, contact, application
):
    await allow(acme, leads=0, waitingSubmissions=2)
    address = f"/api/v1/public/forms/{contact['accessToken']}/submissions"

    answers = [await client.post(address, json={"email": f"a{n}@example.com"}) for n in range(3)]
    page = await client.post(f"/f/{contact['accessToken']}", data={"email": "b@example.com"})

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert page.status_code == 429
    assert answers[2].json()["type"] == "/problems/FormFull"
    assert answers[2].headers["retry-after"] == "3600"
    assert await acme.db[SUBMISSIONS].count({}) == 2
    await acme.db[SUBMISSIONS].delete_many({})
    counted = await count_all(COUNTERS, acme.db)
    assert counted["waitingSubmissions"] == 0


async def test_a_change_with_more_jobs_than_may_wait_is_a_402_until_they_ran(client, acme, allow, run_jobs):
    await allow(acme, queuedJobs=2)  # a form asks for two

    async def make(platform, **headers):
        address = f"/api/v1/forms/platforms/{platform}"
        return await client.post(address, headers={**acme.headers, **headers})

    first, refused = await make("meta", **{"Idempotency-Key": "1"}), await make("linkedin")
    assert (first.status_code, refused.status_code) == (201, 402)
    assert refused.json()["limit"] == "queuedJobs"
    assert await acme.db[FORMS].count({}) == 1
    assert (await make("meta", **{"Idempotency-Key": "1"})).status_code == 201
    assert (await usage(client, acme))["queuedJobs"]["used"] == 2

    await run_jobs(acme)

    assert (await make("linkedin")).status_code == 201
    assert (await make("twitter")).status_code == 402


async def test_a_visitor_is_not_refused_for_jobs_that_wait(client, acme, allow):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    await allow(acme, queuedJobs=1)
    address = f"/api/v1/public/forms/{form['accessToken']}/submissions"

    for number in range(3):
        assert (await client.post(address, json={"linkedinUrl": PROFILE.format(number)})).status_code == 201

    assert await acme.db[LEADS].count({}) == 3


async def test_too_many_at_once_are_a_429_and_others_are_not_touched(client, acme, globex, allow):
    await allow(acme, requestsPerSecond=5)

    answers = await asyncio.gather(*(client.get("/api/v1/leads", headers=acme.headers) for _ in range(40)))
    others = await asyncio.gather(*(client.get("/api/v1/leads", headers=globex.headers) for _ in range(40)))

    refused = [answer for answer in answers if answer.status_code == 429]
    assert 25 <= len(refused) <= 31
    assert refused[0].json()["limit"] == "requestsPerSecond"
    assert refused[0].headers["retry-after"] == "1"
    assert {answer.status_code for answer in others} == {200}


async def test_visitors_and_members_do_not_keep_each_other_out(client, acme, allow):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    await allow(acme, requestsPerSecond=1, requestsAtOnce=1)
    address = f"/api/v1/public/forms/{form['accessToken']}/submissions"

    *answers, member = await asyncio.gather(
        *(client.post(address, json={"linkedinUrl": PROFILE.format(number)}) for number in range(20)),
        client.get("/api/v1/leads", headers=acme.headers),
    )

    assert {answer.status_code for answer in answers} == {201}
    assert member.status_code == 200


async def test_a_hundred_at_once_do_not_collide(client, acme, allow, commands):
    """The counter stands outside the transactions: at most 1.2 attempts each."""
    await allow(acme, leads=100_000)
    commands.seen.clear()

    answers = await asyncio.gather(*(create(client, acme, f"Lead {number}") for number in range(100)))

    assert {answer.status_code for answer in answers} == {201}
    begun = [event for event in commands.seen if event.command.get("startTransaction")]
    commits = [event for event in commands.seen if event.command_name == "commitTransaction"]
    assert len(commits) == 100
    assert len(begun) <= 120


async def test_the_worker_counts_anew(client, acme, allow, application, plane):
    await allow(acme, leads=100)
    await create(client, acme)
    care, rows = application.deployment.care, application.deployment.system()[USAGES]
    await rows.update_one({"_id": acme.id}, {"$set": {"leads": 77}})

    assert await care.count_usage(plane.clock.now(), most=100_000) >= 1

    row = await rows.find_one({"_id": acme.id}, {"leads": 1, "storedBytes": 1})
    assert row["leads"] < 77
    assert row["storedBytes"] > 0
