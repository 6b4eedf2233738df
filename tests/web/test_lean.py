"""The short way answers as FastAPI would: the same request, both ways, compared."""

import inspect

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.security.base import SecurityBase

from jazzaam.features import FEATURES
from jazzaam.web import docs_page, health
from jazzaam.web.app import API
from jazzaam.web.lean import LeanReads, lean_routes

REQUESTS = [
    "/api/v1/leads",
    "/api/v1/leads?limit=1&total=true&sort=fullName",
    "/api/v1/leads?view=full&status=new&platform=other",
    "/api/v1/leads?limit=0",
    "/api/v1/leads?limit=x&sort=-notes&color=red",
    "/api/v1/leads?limit=1&limit=2",
    "/api/v1/leads?limit=",
    "/api/v1/leads?total=maybe",
    "/api/v1/leads?after=%00",
    "/api/v1/leads/{lead}",
    "/api/v1/leads/ffffffffffffffffffffffff",
    "/api/v1/leads/FFFFFFFFFFFFFFFFFFFFFFFF",
    "/api/v1/leads/x",
    "/api/v1/leads/%0A",
    "/api/v1/leads/{lead}%0A",
    "/api/v1/leads/{lead}/",
    "/api/v1/leads/a/b",
    "/api/v1/notifications?limit=5",
    "/api/v1/notifications?limit=500",
    "/api/v1/services",
    "/api/v1/services/ffffffffffffffffffffffff",
    "/api/v1/crm-integrations",
]


class WithoutLean:
    """The application with nothing for the short way to match."""

    def __init__(self, app: FastAPI):
        self.app = app

    async def __call__(self, scope, receive, send):
        part = self.app.surroundings
        while not isinstance(part, LeanReads):
            part = part._app
        kept, part._find = part._find, lambda _path: (None, {})
        try:
            await self.app(scope, receive, send)
        finally:
            part._find = kept


@pytest.fixture
async def long_way(app, client):
    transport = httpx2.ASGITransport(app=WithoutLean(app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as other:
        yield other


def test_the_hot_reads_take_the_short_way():
    routes = [route for feature in FEATURES if feature.router for route in feature.router.routes]
    shapes = {lean.shape.pattern for lean in lean_routes(routes, API)}

    assert {"/api/v1/leads", "/api/v1/leads/(?P<leadId>[^/]+)", "/api/v1/notifications"} <= shapes
    assert "/api/v1/services" in shapes, "what a router depends on is asked in the short way too"


@pytest.mark.parametrize("request_path", REQUESTS)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_both_ways_answer_the_same(client, long_way, acme, request_path, signed_in):
    made = await client.post("/api/v1/leads", json={"fullName": "Ada"}, headers=acme.headers)
    path = request_path.replace("{lead}", made.json()["id"])
    headers = acme.headers if signed_in else {}

    short = await client.get(path, headers=headers)
    long = await long_way.get(path, headers=headers)

    assert short.status_code == long.status_code
    assert places(short) == places(long)
    for name in ("content-type", "etag", "www-authenticate", "cache-control"):
        assert short.headers.get(name) == long.headers.get(name)


def places(answer):
    """Compare bodies; where something is wrong, its places and codes."""
    body = answer.json()
    if "errors" in body:
        return [(error["pointer"], error["code"]) for error in body["errors"]]
    return body


def _called(dependant):
    """List what the framework calls for a route, at every depth."""
    return [dependant.call, *(call for each in dependant.dependencies for call in _called(each))]


def test_no_route_waits_for_a_thread():
    """A function that is no coroutine is called in one: 50 µs, also when it does nothing."""
    routers = [
        router
        for feature in FEATURES
        for router in (feature.router, feature.strangers, feature.pages)
        if router is not None
    ]
    calls = {
        call for router in [*routers, health.router, docs_page.router] for route in router.routes
        for call in _called(route.dependant)
    }  # fmt: skip
    schemes = {call for call in calls if isinstance(call, SecurityBase)}

    assert len(calls - schemes) > 100
    assert not [call for call in calls - schemes if not inspect.iscoroutinefunction(call)]
    assert all(inspect.iscoroutinefunction(type(scheme).__call__) for scheme in schemes)
