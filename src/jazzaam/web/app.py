"""The HTTP application, without its features: they are passed in."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp, Receive, Scope, Send

from jazzaam.feature import Feature
from jazzaam.web import docs_page, health, problems
from jazzaam.web.admission import Admission, Admit, Gate, gates_of
from jazzaam.web.bounds import Bounds
from jazzaam.web.head import Head
from jazzaam.web.lean import LeanReads, LeanRoute, lean_routes
from jazzaam.web.middleware import BodyLimit, Envelope, Measure, Origins
from jazzaam.web.patience import Patience
from jazzaam.web.problems import PROBLEM_SCHEMA, document_general

API: Final = "/api/v1"
MAXIMUM_BODY_BYTES: Final = 1_000_000


class _Surrounded(FastAPI):
    """FastAPI inside our own ASGI classes, not around them: a lean read never reaches it."""

    surroundings: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the lifespan."""
        scope["app"] = self
        await self.surroundings(scope, receive, send)

    async def inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with FastAPI itself."""
        await super().__call__(scope, receive, send)


def create_http_app(
    features: Iterable[Feature],
    *,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    forms_host: str | None,
    over_https: bool,
    admit: Admit,
    needs_of: Callable[[Mapping[str, Any]], str | None],
    is_silent: Callable[[], bool],
    measure: Measure | None = None,
) -> FastAPI:
    """Put the routes of `features` into one application, with everything that surrounds a request.

    `needs_of` reads what a route's `openapi_extra` says it needs, `admit` refuses who has not got it;
    `is_silent` tells whether MongoDB has not been heard of for a while; `measure` is told of each request.
    """
    app = _Surrounded(
        title="Jazzaam",
        version="1",
        summary="A CRM that keeps every company in a database of its own.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    problems.install(app)
    app.include_router(health.router)
    app.include_router(docs_page.router)
    pages = [docs_page.router]
    lean: list[LeanRoute] = []
    gates: list[Gate] = []
    larger: dict[str, int] = {}
    for feature in features:
        for router in (feature.router, feature.strangers):
            if router is not None:
                app.include_router(router, prefix=API)
                lean += lean_routes(router.routes, API)
                gates += gates_of(router.routes, API, needs_of)
        larger |= {API + path: most for path, most in feature.larger_bodies.items()}
        if feature.pages is not None:
            app.include_router(feature.pages)
            pages.append(feature.pages)
    limited = BodyLimit(app.inner, maximum_bytes=MAXIMUM_BODY_BYTES, larger=larger)
    reads = LeanReads(Admission(limited, gates=gates, admit=admit), routes=lean)
    asked = Origins(Bounds(Patience(reads, is_silent=is_silent)), forms_host=forms_host)
    app.surroundings = Head(Envelope(asked, over_https=over_https, measure=measure))
    app.openapi = _documented_openapi(app)
    app.state.page_methods = _page_methods(pages)
    return app


def _documented_openapi(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Make the OpenAPI document once, with what can happen to any request."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                openapi_version="3.1.0",
                routes=app.routes,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas["Problem"] = dict(PROBLEM_SCHEMA)
            for path, operations in document["paths"].items():
                if path.startswith(API):
                    for operation in operations.values():
                        document_general(operation)
            app.openapi_schema = document
        return app.openapi_schema

    return openapi


def _page_methods(routers: Iterable[Any]) -> Callable[[str], set[str]]:
    """Say which methods a page outside the OpenAPI document takes."""
    known: list[tuple[re.Pattern[str], set[str]]] = [
        (route.path_regex, set(route.methods)) for router in routers for route in router.routes
    ]

    def methods(path: str) -> set[str]:
        return {method for shape, found in known if shape.match(path) for method in found}

    return methods
