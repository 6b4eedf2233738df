"""Every failure is a problem document, whatever part of the stack it comes from."""

import contextlib

import httpx2
import pytest
from fastapi import APIRouter

from jazzaam.composition import compose
from jazzaam.feature import Feature
from jazzaam.main import create_app
from jazzaam.web.app import create_http_app


async def nobody(*_):
    raise AssertionError


@pytest.fixture
def as_problem():
    def check(answer, status, name):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body["type"] == f"/problems/{name}"
        assert body["status"] == status
        assert body["title"]
        assert body["detail"]
        assert answer.headers["x-request-id"]
        return body

    return check


async def test_unknown_addresses(client, as_problem):
    for address in ("/nowhere", "/api/v1/nowhere", "/api/v1/leads/", "/docs/../../etc/passwd"):
        as_problem(await client.get(address), 404, "RouteNotFound")


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", "/api/v1/leads", "GET, HEAD, POST"),
        ("POST", "/api/v1/leads/" + "f" * 24, "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("PUT", "/f/x", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_names_the_right_ones(client, as_problem, method, address, allowed):
    answer = await client.request(method, address)

    as_problem(answer, 405, "MethodNotAllowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("content", "media_type", "status", "name"),
    [
        (b"{", "application/json", 400, "MalformedRequest"),
        (b'{"a":' * 5000, "application/json", 400, "MalformedRequest"),
        (b"\xff\xfe", "application/json", 400, "MalformedRequest"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "UnsupportedMediaType"),
        (b"{}", "", 415, "UnsupportedMediaType"),
        (b"x" * 1_000_001, "application/json", 413, "BodyTooLarge"),
        (b"{}", "application/json", 422, "InvalidInput"),
    ],
)
async def test_bodies(client, as_problem, content, media_type, status, name):
    headers = {"content-type": media_type} if media_type else {}

    as_problem(await client.post("/api/v1/auth/login", content=content, headers=headers), status, name)


async def test_a_body_that_does_not_announce_its_size_is_cut_off(client, as_problem):
    async def endless():
        for _ in range(200):
            yield b"x" * 10_000

    answer = await client.post(
        "/api/v1/auth/login", content=endless(), headers={"content-type": "application/json"}
    )

    as_problem(answer, 413, "BodyTooLarge")


async def test_a_crash_tells_nothing(as_problem, capfd):
    router = APIRouter()

    @router.get("/crash")
    async def crash():
        raise RuntimeError("the password is hunter2")

    app = create_http_app(
        [Feature("test", router=router)],
        lifespan=nothing,
        forms_host=None,
        over_https=False,
        admit=nobody,
        needs_of=lambda _: None,
        is_silent=lambda: False,
    )
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/api/v1/crash")

    as_problem(answer, 500, "InternalError")
    assert "hunter2" not in answer.text
    assert "request.crashed" in capfd.readouterr().err


def nothing(_app):
    return contextlib.nullcontext()


async def test_every_answer_has_its_headers(client):
    answer = await client.get("/healthz", headers={"X-Request-ID": "mine-1"})

    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


@pytest.mark.parametrize("given", ["x" * 65, "a b", "a\tb", "é".encode()])
async def test_a_request_id_that_is_none_of_ours_is_replaced(client, given):
    answer = await client.get("/healthz", headers={"X-Request-ID": given})

    assert len(answer.headers["x-request-id"]) == 24


async def test_a_mongodb_that_does_not_answer_is_a_503(as_problem, settings):
    away = settings.model_copy(
        update={
            "mongodb_uri": type(settings.mongodb_uri)("mongodb://127.0.0.1:1/"),
            "mongodb_connect_seconds": 0.2,
        }
    )
    application = compose(away)
    app = create_app(application)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        alive = await client.get("/healthz")
        ready = await client.get("/readyz")
        form = await client.get("/api/v1/public/forms/" + "a" * 64)
    await application.deployment.clusters.close()

    assert alive.status_code == 200
    as_problem(ready, 503, "Unavailable")
    as_problem(form, 503, "Unavailable")
    assert "127.0.0.1" not in ready.text + form.text


class TestOrigins:
    @pytest.fixture
    async def two_hosts(self, settings, passwords):
        application = compose(
            settings.model_copy(update={"forms_url": "http://forms.test"}), passwords=passwords
        )
        app = create_app(application)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as client:
            yield client
        await application.deployment.clusters.close()

    async def test_pages_and_the_application_never_share_an_origin(self, two_hosts, client, acme):
        form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
        token = form["accessToken"]

        answers = {
            address: (await two_hosts.get(address, headers=acme.headers)).status_code
            for address in (
                f"http://forms.test/f/{token}",
                f"http://test/f/{token}",
                "http://test/api/v1/leads",
                "http://forms.test/api/v1/leads",
                "http://forms.test/docs",
                f"http://forms.test/api/v1/public/forms/{token}",
                f"http://test/api/v1/public/forms/{token}",
            )
        }

        assert list(answers.values()) == [200, 404, 200, 404, 404, 200, 200]
