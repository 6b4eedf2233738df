"""Flaws of the service this one replaces, by their numbers: each test fails on what it did.

Those that a feature's own tests show are named there; the last test here looks for all of them.
"""

from __future__ import annotations

import re
from pathlib import Path

import bson
import pyotp
import pytest
from bson import ObjectId
from tests.conftest import PASSWORD
from tests.isolation.cases import CASES, OF_THE_CALLER, address, fill

from jazzaam.control.accounts.models import AccountType
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.companies.models import COMPANIES
from jazzaam.crm.forms.models import SUBMISSIONS

TESTS = Path(__file__).parents[1]
NUMBERS = {*range(1, 6), 11, *range(15, 32), *range(33, 38), 44, 45}
MARK = "a-mark-that-is-a-secret"
REGISTRATION = {
    "email": "ada@example.com",
    "password": "a long enough password",
    "accountType": "company",
    "companyName": "Acme",
}


async def test_no_answer_holds_what_opens_an_account(client, acme, globex, things, plane):
    """Any account could read any other whole, hashes and tokens included (S-1, S-34)."""
    secrets = {
        "secondFactor": {"confirmed": False, "secret": f"{MARK} factor", "recovery": [MARK]},
        "passwordReset": {"seed": MARK.encode(), "endsAt": plane.clock.now()},
        "passwordResetToken": MARK,
        "refreshToken": MARK,
        "apiKey": MARK,
        "mailboxes": [{"accessToken": MARK, "refreshToken": MARK}],
        "paymentDetails": {"stripeCustomerId": MARK},
    }
    await plane.db.raw[COMPANIES.name].update_one({"_id": ObjectId(acme.id)}, {"$set": secrets})
    reads = [route for route in (CASES.keys() | OF_THE_CALLER) if route[0] == "get"]
    changes = {
        ("patch", "/api/v1/me"): {"fullName": "Ada"},
        ("patch", "/api/v1/company"): {"industry": "Energy"},
        ("patch", "/api/v1/company/settings"): {"currency": "EUR"},
    }

    for method, path in sorted([*reads, *changes]):
        case = CASES.get((method, path))
        place = address(path, things, case) if case else path.replace("{serviceId}", "f" * 24)
        for company in (acme, globex):
            body = changes.get((method, path))
            answer = await client.request(method, place, json=body, headers=company.headers)
            assert MARK not in answer.text, (method, path)
            assert MARK.encode().hex() not in answer.text
            assert "$argon2" not in answer.text


async def test_nobody_says_what_kind_of_account_theirs_is(client, acme):
    """The body said `admin`, and a route changed anybody's kind (S-3)."""
    for change in (
        {"accountType": "admin"},
        {"userType": "admin"},
        {"platformAdmin": True},
        {"role": "owner"},
    ):
        registered = await client.post("/api/v1/auth/register", json={**REGISTRATION, **change})
        assert registered.status_code == 422
        changed = await client.patch("/api/v1/me", json={"fullName": "x", **change}, headers=acme.headers)
        assert changed.status_code == 422
    assert (await client.get("/api/v1/me", headers=acme.headers)).json()["platformAdmin"] is False


async def test_a_company_is_read_by_its_own_session_alone_and_none_is_made_by_asking(
    client, acme, globex, application
):
    """The dashboard of any id was readable, and a database was made for any id (S-15)."""
    await client.post("/api/v1/leads", json={"fullName": "Acme's"}, headers=acme.headers)
    cluster = application.deployment.clusters.client("main")
    before = set(await cluster.list_database_names())
    unknown = str(ObjectId())

    for company_id in (acme.id, unknown):
        for place in (f"/api/v1/company/dashboard?id={company_id}&companyId={company_id}",):
            answer = await client.get(place, headers={**globex.headers, "X-Company-ID": company_id})
            assert answer.json()["totalLeads"] == 0
        for path in (f"/api/v1/company/{company_id}", f"/api/v1/companies/{company_id}"):
            assert (await client.get(path, headers=globex.headers)).status_code == 404
        switched = await client.post(
            "/api/v1/auth/switch-company", json={"companyId": company_id}, headers=globex.headers
        )
        assert switched.status_code == 404

    assert set(await cluster.list_database_names()) == before


async def test_what_a_company_was_billed_is_its_own(client, globex, things):
    """Anybody could read anybody's bills (S-17)."""
    path = "/api/v1/company/billing-history"

    assert (await client.get(path)).status_code == 401
    assert things["bill"] not in (await client.get(path, headers=globex.headers)).text


@pytest.mark.parametrize(
    "token",
    [
        "x?authSource=admin",
        "0" * 64,
        "../../system",
        "%24gt",
        "jazzaam_company_000000000000000000000001",
        "x/?replicaSet=y",
    ],
)
async def test_a_visitors_words_reach_no_connection(client, application, token):
    """A form's `tenantId` went into a connection string; each new one made a database (S-21)."""
    cluster = application.deployment.clusters.client("main")
    before = set(await cluster.list_database_names())

    for path in (f"/api/v1/public/forms/{token}", f"/f/{token}"):
        assert (await client.get(path, params={"tenantId": token})).status_code == 404
    sent = await client.post(f"/api/v1/public/forms/{token}/submissions", json={"tenantId": token})

    assert sent.status_code in (404, 405)
    assert set(await cluster.list_database_names()) == before


async def test_no_secret_travels_in_an_address(app):
    """Tokens stood in URLs, and so in logs (S-22); a form's token is public, a link ends in ten minutes."""
    named = re.compile(r"token|password|secret|key", re.IGNORECASE)
    for path, operations in app.openapi()["paths"].items():
        for operation in operations.values():
            places = {one["name"] for one in operation.get("parameters", ()) if one["in"] != "header"}
            assert not {name for name in places if named.search(name)} - {"accessToken", "keyId"}, path


async def test_no_secret_stands_in_the_database(client, acme, plane, run_jobs, outbox_folder, things):
    """Tokens of CRMs, API keys and refresh tokens stood there in the clear (S-23, S-24, S-25)."""
    headers = acme.headers
    made = [PASSWORD, acme.refresh_token, headers["Authorization"].removeprefix("Bearer ")]
    key = await client.post(
        "/api/v1/api-keys", json={"name": "k", "scopes": ["leads:read"]}, headers=headers
    )
    made.append(key.json()["key"])
    begun = (await client.post("/api/v1/auth/totp", json={"password": PASSWORD}, headers=headers)).json()
    made.append(begun["secret"])
    code = pyotp.TOTP(begun["secret"]).now()
    confirmed = await client.post("/api/v1/auth/totp/confirm", json={"code": code}, headers=headers)
    made += confirmed.json()["recoveryCodes"]
    await client.post("/api/v1/auth/forgot-password", json={"email": acme.email})
    await run_jobs()
    mails = "".join(path.read_text() for path in outbox_folder.glob("*.eml"))
    made += re.findall(r"#token=([A-Za-z0-9_=-]{30,})", mails.replace("=\n", ""))[-20:]

    found = []
    for database in (plane.db.raw, acme.db.raw):
        for name in await database.list_collection_names():
            async for document in database[name].find({}):
                raw = bson.encode(document)
                found += [(name, secret[:8]) for secret in made if secret.encode() in raw]

    assert len(made) > 15
    assert found == []


async def test_an_account_without_a_password_signs_in_with_none(client, plane):
    """Accounts of providers had one password for all, which was known (S-28)."""
    email, account_id = f"ada-{ObjectId()}@example.com", ObjectId()
    await AccountRepository(plane.db).add(
        account_id, email, plane.clock.now(), password_hash=None, account_type=AccountType.user
    )

    for password in ("google", "zoho", "google-oauth", "undefined", "null", "", "!", "x" * 12):
        answer = await client.post("/api/v1/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 401, password


BODIES = {
    **{route: case.body for route, case in CASES.items() if case.body},
    ("post", "/api/v1/auth/register"): REGISTRATION,
    ("post", "/api/v1/auth/login"): {"email": "ada@example.com", "password": "x", "code": "123456"},
    ("post", "/api/v1/auth/verify-email"): {"registrationToken": "0" * 64, "code": "123456"},
    ("post", "/api/v1/auth/resend-code"): {"registrationToken": "0" * 64},
    ("post", "/api/v1/auth/refresh"): {"refreshToken": "x"},
    ("post", "/api/v1/auth/forgot-password"): {"email": "ada@example.com"},
    ("post", "/api/v1/auth/reset-password"): {"token": "x", "newPassword": "y" * 12},
    ("post", "/api/v1/auth/second-factor"): {"signInToken": "x", "code": "123456"},
    ("post", "/api/v1/auth/switch-company"): {"companyId": "f" * 24},
    ("post", "/api/v1/auth/confirm"): {"password": PASSWORD},
    ("post", "/api/v1/auth/change-password"): {"oldPassword": "x", "newPassword": "y" * 12},
    ("post", "/api/v1/auth/totp"): {"password": "x"},
    ("post", "/api/v1/auth/totp/confirm"): {"code": "000000"},
    ("delete", "/api/v1/auth/totp"): {"code": "000000"},
    ("post", "/api/v1/auth/totp/recovery-codes"): {"code": "000000"},
    ("post", "/api/v1/invitations/accept"): {"token": "x", "password": "y" * 12, "fullName": "A"},
    ("post", "/api/v1/waitlist"): {"email": "ada@example.com", "name": "A", "metadata": {"a": "b"}},
    ("post", "/api/v1/contact"): {"fullName": "A", "email": "ada@example.com", "message": "Hello"},
    ("patch", "/api/v1/me"): {"fullName": "Ada"},
    ("patch", "/api/v1/me/notification-preferences"): {"inApp": {"newLead": False}},
    ("post", "/api/v1/companies"): {"companyName": "Another"},
}
"""A valid body of every route that takes one; a form's submission takes any field, and has its own test."""

OPERATORS = [{"$gt": ""}, {"$ne": None}, {"$where": "1"}, {"$regex": ".*"}, [{"$gt": ""}]]


async def test_every_body_has_its_example_here(app):
    takes = {
        (method, path)
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    submissions = ("post", "/api/v1/public/forms/{accessToken}/submissions")
    admins = ("patch", "/api/v1/admin/waitlist/{entryId}")

    assert takes - {submissions, admins} == BODIES.keys()


async def test_an_operator_is_no_value_of_any_field(client, acme, subtests):
    """Bodies reached the database's filters as they came (S-29)."""
    for (method, path), body in sorted(BODIES.items()):
        for name in body:
            with subtests.test(route=(method, path), name=name):
                for operator in OPERATORS:
                    answer = await client.request(
                        method,
                        fill(path, "f" * 24),
                        json={**body, name: operator},
                        headers=acme.headers,
                    )
                    assert answer.status_code == 422, (operator, answer.text)
                    errors = answer.json()["errors"]
                    assert any(error["pointer"].startswith(f"/{name}") for error in errors)


async def test_an_operator_is_no_answer_to_a_form(client, acme):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    path = f"/api/v1/public/forms/{form['accessToken']}/submissions"

    for operator in OPERATORS:
        good = {"linkedinUrl": "https://www.linkedin.com/in/ada-lovelace"}
        assert (await client.post(path, json={"linkedinUrl": operator})).status_code == 422
        assert (await client.post(path, json={**good, "anything": operator})).status_code in (200, 201)

    kept = await acme.db[SUBMISSIONS].find({}, {"values": 1}).to_list()
    assert [row["values"] for row in kept] == [good] * len(OPERATORS)


READS = sorted(route for route in CASES if route[0] == "get" and "{" not in route[1])


async def test_an_operator_is_no_value_of_any_query(client, app, acme, subtests):
    for method, path in READS:
        parameters = app.openapi()["paths"][path][method].get("parameters", ())
        for name in (one["name"] for one in parameters if one["in"] == "query"):
            with subtests.test(path=path, name=name):
                for query in ({f"{name}[$gt]": ""}, {name: '{"$gt": ""}'}):
                    answer = await client.get(path, params=query, headers=acme.headers)
                    assert answer.status_code == 422, query


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match"])
async def test_an_operator_is_no_value_of_a_header(client, acme, things, name):
    headers = {**acme.headers, name: '{"$gt": ""}'}
    path, body = "/api/v1/leads", {"fullName": "Ada"}
    method = "POST" if name == "Idempotency-Key" else "PATCH"
    place = path if method == "POST" else f"{path}/{things['lead']}"

    answer = await client.request(method, place, json=body, headers=headers)

    assert answer.status_code == 422


@pytest.mark.parametrize("token", ['{"$gt": ""}', "[object Object]", "null", "undefined", "true"])
async def test_an_operator_signs_nobody_in(client, token):
    for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
        assert (await client.get("/api/v1/leads", headers=headers)).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health", "/health/db", "/api/v1/health"])
async def test_nobody_learns_where_the_data_is(client, acme, path):
    """Hosts, databases and tenants were listed for anybody (S-33)."""
    answer = await client.get(path)

    for told in ("mongo", "127.0.0.1", "jazzaam_", acme.id, "27017"):
        assert told not in answer.text


@pytest.mark.parametrize(
    "name", ["Acme\r\nBcc: all@example.com", "Acme\nSubject: x", "Ünïcødé شركة", "<b>Acme</b>", "A" * 100]
)
async def test_a_mail_is_what_we_wrote_to_whom_we_wrote(client, acme, plane, run_jobs, outbox_folder, name):
    """Names went into headers and HTML as they came (S-35): ours are plain text, written by a library."""
    await plane.db.raw[COMPANIES.name].update_one(
        {"_id": ObjectId(acme.id)}, {"$set": {"companyName": name}}
    )
    email = f"guest-{ObjectId()}@example.com"
    await client.post("/api/v1/invitations", json={"email": email, "role": "viewer"}, headers=acme.headers)
    await run_jobs()

    [path] = [one for one in outbox_folder.glob("*.eml") if email in one.read_text()]
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    assert b"Bcc" not in head
    assert head.count(b"Subject:") == 1
    assert b"text/html" not in head + body
    head.decode("ascii")


async def test_no_answer_is_a_sheet_that_calculates(app):
    """A spreadsheet of leads ran what leads had typed (S-36): whoever adds one shows that it does not."""
    for operations in app.openapi()["paths"].values():
        for operation in operations.values():
            kinds = {
                kind for answer in operation["responses"].values() for kind in answer.get("content", ())
            }
            assert not {kind for kind in kinds if "csv" in kind or "sheet" in kind or "excel" in kind}


async def test_nobody_sends_a_pattern(client, acme, subtests):
    """A search was a regular expression of the caller's (S-37)."""
    for _, path in READS:
        for pattern in ("(a+)+$", "[", ".*", "(?=x)"):
            with subtests.test(path=path, pattern=pattern):
                for name in ("search", "q", "status", "after"):
                    answer = await client.get(path, params={name: pattern}, headers=acme.headers)
                    assert answer.status_code in (200, 404, 422), answer.text


def test_every_flaw_has_its_test():
    named = set()
    for path in TESTS.rglob("test_*.py"):
        for group in re.findall(r"\((S-\d+(?:, S-\d+)*)\)", path.read_text()):
            named |= {int(number) for number in re.findall(r"\d+", group)}

    assert named >= NUMBERS, sorted(NUMBERS - named)
