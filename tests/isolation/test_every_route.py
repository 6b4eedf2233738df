"""Every route of the OpenAPI document, called by the wrong tenant with ids known to exist in the other."""

from bson import ObjectId
from tests.isolation.cases import (
    CASES,
    IN_PERSON,
    OF_ADMINS,
    OF_ANYBODY,
    OF_THE_CALLER,
    address,
    fill,
    of_kind,
)

from jazzaam.features import SYSTEM_COLLECTIONS

BY_ID, LISTS, OWN, WRITES = (of_kind(kind) for kind in ("thing", "list", "own", "write"))


def routes(app):
    return {(method, path) for path, methods in app.openapi()["paths"].items() for method in methods}


async def test_every_route_has_its_case(app):
    assert routes(app) == CASES.keys() | OF_THE_CALLER | OF_ADMINS | OF_ANYBODY


async def test_a_foreign_thing_is_not_found_just_as_an_unknown_one(client, acme, globex, things, subtests):
    for route in BY_ID:
        (method, path), case = route, CASES[route]
        thing = things[case.thing]
        with subtests.test(route=route):
            foreign = await client.request(method, fill(path, thing), **case.call(globex.headers))
            unknown = await client.request(method, fill(path, "f" * 24), **case.call(globex.headers))
            ours = await client.request(method, fill(path, thing), **case.call(acme.headers))

            assert foreign.status_code == 404
            assert thing not in foreign.text
            assert foreign.json() == unknown.json()
            assert ours.status_code == case.status


async def test_a_list_shows_the_callers_own(client, acme, globex, things, subtests):
    """Whoever named a company in the query was let into it (S-2)."""
    named = {"X-Company-ID": acme.id, "X-Tenant-ID": acme.id}
    for route in LISTS:
        (_, path), thing = route, things[CASES[route].thing]
        with subtests.test(route=route):
            assert thing in (await client.get(path, headers=acme.headers)).text
            for asked in ("", "?tenantId={0}", "?companyId={0}", "?limit=100&filter[companyId]={0}"):
                theirs = await client.get(path + asked.format(acme.id), headers={**globex.headers, **named})
                assert thing not in theirs.text


async def test_a_write_lands_in_the_callers_own_company(
    client, application, acme, globex, things, subtests
):
    for route in WRITES:
        (method, path), case = route, CASES[route]
        before = await contents(application, acme)
        with subtests.test(route=route):
            made = await client.request(
                method,
                address(path, things, case),
                **case.call(globex.headers | {"X-Company-ID": acme.id}),
            )

            assert made.status_code == case.status
            assert await contents(application, acme) == before
            collection = made.headers.get("location", f"{path}/").rpartition("/")[0]
            listed = await client.get(collection, headers=globex.headers)
            assert made.json()["id"] in listed.text


async def test_what_is_about_the_company_is_about_the_callers(
    client, application, acme, globex, things, subtests
):
    for route in OWN:
        (method, path), case = route, CASES[route]
        before = await contents(application, acme)
        with subtests.test(route=route):
            answer = await client.request(
                method, path, **case.call(globex.headers | {"X-Company-ID": acme.id})
            )

            assert answer.status_code == case.status
            assert acme.id not in answer.text
            assert await contents(application, acme) == before


async def test_nobody_gets_anywhere_without_a_token(client, subtests):
    for route in sorted(CASES.keys() | OF_THE_CALLER | OF_ADMINS):
        method, path = route
        case, body = CASES.get(route), BODIES.get(route)
        filled = path.replace("{platform}", "meta") if "{platform}" in path else fill(path, "f" * 24)
        for headers in (
            {},
            {"Authorization": "Bearer "},
            {"Authorization": "Bearer x.y.z"},
            {"Authorization": "Basic eDp5"},
            {"X-API-Key": "k"},
            {"X-API-Key": "jz_live_" + "A" * 43},
        ):
            with subtests.test(route=route, headers=headers):
                answer = await client.request(
                    method, filled, json=case.body if case else body, headers=headers
                )

                reads_no_body = method == "get"  # who sends a body is asked who they are before all else
                refused = route in IN_PERSON | PERSONS_OWN and "X-API-Key" in headers and reads_no_body
                assert answer.status_code == (403 if refused else 401)
                assert refused or answer.headers["www-authenticate"] == "Bearer"


PERSONS_OWN = {
    ("get", "/api/v1/me/notification-preferences"),
    ("patch", "/api/v1/me/notification-preferences"),
    ("post", "/api/v1/company/restore"),
}
BODIES = {
    ("post", "/api/v1/auth/switch-company"): {"companyId": "f" * 24},
    ("post", "/api/v1/auth/confirm"): {"password": "x"},
    ("post", "/api/v1/auth/change-password"): {"oldPassword": "x", "newPassword": "y" * 12},
    ("post", "/api/v1/auth/totp"): {},
    ("post", "/api/v1/auth/totp/confirm"): {"code": "000000"},
    ("delete", "/api/v1/auth/totp"): {"code": "000000"},
    ("post", "/api/v1/auth/totp/recovery-codes"): {"code": "000000"},
    ("patch", "/api/v1/me"): {"fullName": "x"},
    ("post", "/api/v1/companies"): {"companyName": "x"},
    ("patch", "/api/v1/me/notification-preferences"): {"inApp": {"newLead": False}},
    ("patch", "/api/v1/admin/waitlist/{entryId}"): {"status": "pending"},
}


async def contents(application, company):
    """Everything of a company's: its own database, and its rows of the shared one."""
    cluster, found = application.deployment.clusters.client("main"), {}
    own = cluster[company.db.tenant.database]
    for name in await own.list_collection_names():
        found[name] = [document async for document in own[name].find().sort("_id", 1)]
    shared = cluster[application.settings.system_database]
    for spec in SYSTEM_COLLECTIONS:
        if spec.owner_key is not None:
            rows = shared[spec.name].find({spec.owner_key: ObjectId(company.id)}).sort("_id", 1)
            found[f"shared {spec.name}"] = [row async for row in rows]
    return found
