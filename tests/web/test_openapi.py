"""The OpenAPI document: complete, and served with its page from this origin alone."""

import re

import pytest

from jazzaam.control.memberships.access import FIELD, Access
from jazzaam.control.memberships.permissions import Permission


@pytest.fixture
async def document(client):
    return (await client.get("/api/v1/openapi.json")).json()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", path, operation


async def test_it_is_openapi_3_1(document):
    assert document["openapi"] == "3.1.0"


async def test_every_operation_says_what_it_does_and_how_it_fails(document):
    for name, path, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        if not path.startswith("/api/"):
            continue
        statuses = set(operation["responses"])
        assert {"400", "422", "500", "503"} <= statuses, name
        if "requestBody" in operation:
            assert {"413", "415"} <= statuses, name
        if operation.get("security"):
            assert {"401"} <= statuses, name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (name, status)


async def test_every_route_but_the_strangers_is_behind_a_token(document):
    open_routes = {name for name, _, operation in operations(document) if not operation.get("security")}

    assert open_routes == {
        "get /healthz",
        "get /readyz",
        "post /api/v1/auth/register",
        "post /api/v1/auth/verify-email",
        "post /api/v1/auth/resend-code",
        "post /api/v1/auth/login",
        "post /api/v1/auth/refresh",
        "get /api/v1/auth/{provider}/authorize",
        "get /api/v1/auth/{provider}/callback",
        "post /api/v1/auth/second-factor",
        "post /api/v1/waitlist",
        "post /api/v1/contact",
        "post /api/v1/auth/forgot-password",
        "post /api/v1/auth/reset-password",
        "post /api/v1/invitations/accept",
        "get /api/v1/public/forms/{accessToken}",
        "post /api/v1/public/forms/{accessToken}/submissions",
    }


async def test_every_route_states_what_it_needs(document):
    """One that states nothing is nobody's: `tests/isolation/test_access.py` holds the rules to it."""
    known = {*Permission, *Access}
    open_to_all = {Access.nothing, Access.form_token, Access.signed_link}
    for name, path, operation in operations(document):
        if path.startswith("/api/"):
            assert operation.get(FIELD) in known, name
            assert bool(operation.get("security")) == (operation[FIELD] not in open_to_all), name


SECRETS = ("/api/v1/auth/", "/api/v1/api-keys", "/api/v1/admin/", "/api/v1/invitations/accept")
"""What answers with a secret is not kept to be answered again."""


async def test_every_post_takes_an_idempotency_key_but_those_that_answer_with_a_secret(document):
    for name, path, operation in operations(document):
        named = {parameter["name"] for parameter in operation.get("parameters", ())}
        safe = path.endswith("/read")  # to mark twice is to mark
        wanted = name.startswith("post") and not path.startswith(SECRETS) and not safe
        assert ("idempotency-key" in named) == wanted, name


async def test_the_first_page_says_what_this_is_and_where_to_go(client):
    """It was a raw 404 in JSON: the first thing that a newcomer saw."""
    page = await client.get("/")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for link in re.findall(r'href="([^"]+)"', page.text):
        assert (await client.get(link)).status_code == 200
    assert "/docs" in page.text
    assert "script" not in page.text


async def test_its_page_takes_nothing_from_elsewhere(client):
    page = await client.get("/docs")

    assert page.status_code == 200
    assert "://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert name in page.text
        file = await client.get(f"/docs/{name}")
        assert file.status_code == 200
        assert len(file.content) > 100_000
    assert (await client.get("/docs/secrets.txt")).status_code == 404


MADE = [
    ("/api/v1/leads", {"fullName": "Ada"}, True),
    ("/api/v1/forms", {"name": "F", "fields": [{"name": "a", "type": "text", "label": "A"}]}, True),
    ("/api/v1/forms/platforms/linkedin", None, True),
    ("/api/v1/company/exports", None, True),
    ("/api/v1/api-keys", {"name": "k", "scopes": ["leads:read"]}, False),
    ("/api/v1/invitations", {"email": "someone@example.com", "role": "member"}, False),
    ("/api/v1/company/support-grants", {"reason": "A lead is missing", "minutes": 10}, False),
]


@pytest.mark.parametrize(("path", "body", "can_be_read"), MADE)
async def test_a_location_can_be_read(client, acme, path, body, can_be_read):
    """Three led to a 405: what is in a list alone has no address to read."""
    made = await client.post(path, json=body, headers=acme.headers)

    assert made.status_code in (201, 202), made.text
    assert ("location" in made.headers) == can_be_read
    if can_be_read:
        assert (await client.get(made.headers["location"], headers=acme.headers)).status_code == 200


async def test_every_route_that_creates_is_known_to_the_one_above(document):
    creating = {path for name, path, operation in operations(document) if "201" in operation["responses"]}
    of_others = {
        "/api/v1/companies",
        "/api/v1/contact",
        "/api/v1/waitlist",
        "/api/v1/auth/register",
        "/api/v1/auth/totp",
        "/api/v1/onboarding",
        "/api/v1/public/forms/{accessToken}/submissions",
    }
    made = {path.replace("/linkedin", "/{platform}") for path, _, _ in MADE}

    assert creating <= of_others | made
