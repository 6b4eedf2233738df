"""Every route of the OpenAPI document, called by the wrong tenant with ids known to exist in the other."""

import pytest

from jazzaam.jobs.models import JOBS

# How each route that names something is called: the thing's name, and a body where one is needed.
# A foreign thing is a 404; the same call by its owner is the positive control.
BY_ID = {
    ("get", "/api/v1/leads/{leadId}"): ("lead", None),
    ("patch", "/api/v1/leads/{leadId}"): ("lead", {"notes": "changed"}),
    ("delete", "/api/v1/leads/{leadId}"): ("lead", None),
    ("get", "/api/v1/forms/{formId}"): ("form", None),
    ("get", "/api/v1/forms/{formId}/embed"): ("form", None),
    ("get", "/api/v1/jobs/{jobId}"): ("job", None),
    ("post", "/api/v1/notifications/{notificationId}/read"): ("notification", None),
}
# Routes that answer from the caller's own company: what is known to be in the other must not be there.
LISTS = {
    ("get", "/api/v1/leads"): "lead",
    ("get", "/api/v1/forms"): "form",
    ("get", "/api/v1/notifications"): "notification",
}
# Routes that write into the caller's own company: the other's must stay as it was.
WRITES = {
    ("post", "/api/v1/leads"): {"fullName": "Written by Globex"},
    ("post", "/api/v1/forms"): {
        "name": "Form of Globex",
        "fields": [{"name": "email", "type": "email", "label": "E-mail"}],
    },
    ("post", "/api/v1/forms/platforms/{platform}"): None,
}
# Routes of the shared database that act on the caller alone; `test_accounts.py` proves each.
OF_THE_CALLER = {
    ("post", "/api/v1/auth/register"),
    ("post", "/api/v1/auth/verify-email"),
    ("post", "/api/v1/auth/resend-code"),
    ("post", "/api/v1/auth/login"),
    ("post", "/api/v1/auth/refresh"),
    ("post", "/api/v1/auth/logout"),
    ("get", "/api/v1/me"),
}
# Routes that count what the caller's own company has; `tests/crm/usage` proves each.
COUNTS = {("get", "/api/v1/company/usage")}
# Routes of strangers: the token in the path names the tenant; `test_doors.py` proves each.
OF_STRANGERS = {
    ("get", "/api/v1/public/forms/{accessToken}"),
    ("post", "/api/v1/public/forms/{accessToken}/submissions"),
}
WITHOUT_TENANT = {("get", "/healthz"), ("get", "/readyz")}


def routes(app):
    return {(method, path) for path, methods in app.openapi()["paths"].items() for method in methods}


async def test_every_route_has_its_case_here(app):
    known = BY_ID.keys() | LISTS.keys() | WRITES.keys() | OF_THE_CALLER | OF_STRANGERS | WITHOUT_TENANT
    known |= COUNTS

    assert routes(app) == known


@pytest.fixture
async def things(client, acme, run_jobs):
    """A form, a lead and a notification of Acme, and the words to find them by."""
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    await client.post(
        f"/api/v1/public/forms/{form['accessToken']}/submissions",
        json={"linkedinUrl": "https://www.linkedin.com/in/acmes-own"},
    )
    await run_jobs(acme)
    lead = (await client.get("/api/v1/leads", headers=acme.headers)).json()["items"][0]
    told = (await client.get("/api/v1/notifications", headers=acme.headers)).json()["items"][0]
    job = await acme.db[JOBS].find_one({}, {"_id": 1})
    return {"form": form["id"], "lead": lead["id"], "notification": told["id"], "job": str(job["_id"])}


def fill(path, thing_id):
    before, _, rest = path.partition("{")
    return before + thing_id + rest.partition("}")[2]


@pytest.mark.parametrize("route", sorted(BY_ID))
async def test_a_foreign_thing_is_not_found(client, acme, globex, things, route):
    method, path = route
    kind, body = BY_ID[route]
    address = fill(path, things[kind])

    theirs = await client.request(method, address, json=body, headers=globex.headers)
    ours = await client.request(method, address, json=body, headers=acme.headers)

    assert theirs.status_code == 404
    assert things[kind] not in theirs.text
    assert ours.status_code in (200, 204)


@pytest.mark.parametrize("route", sorted(BY_ID))
async def test_a_foreign_thing_and_an_unknown_one_are_the_same_404(client, acme, globex, things, route):
    method, path = route
    kind, body = BY_ID[route]

    foreign = await client.request(method, fill(path, things[kind]), json=body, headers=globex.headers)
    unknown = await client.request(method, fill(path, "f" * 24), json=body, headers=globex.headers)

    assert foreign.json() == unknown.json()


@pytest.mark.parametrize("route", sorted(LISTS))
@pytest.mark.parametrize(
    "asked", ["", "?tenantId={0}", "?companyId={0}", "?limit=100&filter[companyId]={0}"]
)
async def test_a_list_shows_the_callers_own(client, acme, globex, things, route, asked):
    method, path = route
    named = {"X-Company-ID": acme.id, "X-Tenant-ID": acme.id}

    theirs = await client.request(method, path + asked.format(acme.id), headers={**globex.headers, **named})
    ours = await client.request(method, path, headers=acme.headers)

    assert things[LISTS[route]] in ours.text
    assert things[LISTS[route]] not in theirs.text
    if not asked:
        assert theirs.json()["items"] == []


@pytest.mark.parametrize("route", sorted(WRITES))
async def test_a_write_lands_in_the_callers_own_database(client, application, acme, globex, things, route):
    method, path = route
    before = await contents(application, acme)

    made = await client.request(
        method,
        path.replace("{platform}", "meta"),
        json=WRITES[route],
        headers={**globex.headers, "X-Company-ID": acme.id},
    )

    assert made.status_code == 201
    assert await contents(application, acme) == before
    read = await client.get(made.headers["location"], headers=globex.headers)
    assert read.status_code == 200


@pytest.mark.parametrize(
    "route", sorted(BY_ID.keys() | LISTS.keys() | WRITES.keys() | {("get", "/api/v1/me")})
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic eDp5"},
        {"X-API-Key": "k"},
    ],
)
async def test_nobody_gets_anywhere_without_a_token(client, things, route, headers):
    method, path = route

    answer = await client.request(method, fill(path, "f" * 24) if "{" in path else path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def contents(application, company):
    database = application.deployment.clusters.client("main")[company.db.tenant.database]
    found = {}
    for name in await database.list_collection_names():
        found[name] = [document async for document in database[name].find().sort("_id", 1)]
    return found
