"""Who asks is settled from the head of a request alone, before a byte of its body is taken.

The framework reads a body first and asks then: whoever sends a head would hold as much of our memory as a
body may have. The route's own dependencies ask again, after the body.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from fastapi.routing import APIRoute
from pymongo.errors import PyMongoError
from starlette.types import ASGIApp, Receive, Scope, Send

from jazzaam.errors import JazzaamError
from jazzaam.web.problems import response_for

OF_STRANGERS: Final = "jazzaam.of_strangers"
"""Set in the scope of a request that needs no credentials."""
_GAP: Final = re.compile(r"\\\{(\w+)\\\}")

Admit = Callable[[Request, str], Awaitable[None]]
"""Go on only for who may send a body to a route that states this need; raises what refuses them."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A route that takes a body: its path, methods and what it needs; None needs no credentials."""

    path: str
    methods: frozenset[str]
    needs: str | None


class Admission:
    """Asks who sends a body, before it is read; `admit` refuses by raising."""

    def __init__(self, app: ASGIApp, *, gates: Sequence[Gate], admit: Admit) -> None:
        self._app = app
        self._admit = admit
        self._exactly = {(method, gate.path): gate for gate in gates for method in gate.methods}
        self._with_gaps = [
            (re.compile(_GAP.sub("[^/]+", re.escape(gate.path))), gate)
            for gate in gates
            if "{" in gate.path
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        gate = self._find(scope["path"], scope["method"])
        scope[OF_STRANGERS] = gate is None or gate.needs is None
        if gate is not None and gate.needs is not None:
            request = Request(scope)
            try:
                await self._admit(request, gate.needs)
            except (JazzaamError, PyMongoError) as error:
                response = await response_for(request, error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _find(self, path: str, method: str) -> Gate | None:
        exactly = self._exactly.get((method, path))
        found = (
            gate for shape, gate in self._with_gaps if method in gate.methods and shape.fullmatch(path)
        )
        return exactly or next(found, None)


def gates_of(
    routes: Iterable[object], prefix: str, needs_of: Callable[[Mapping[str, Any]], str | None]
) -> list[Gate]:
    """List the gates of routes that take bodies; `needs_of` reads a route's `openapi_extra`.

    Raises `TypeError` for a router within the router: what it holds would have no gate.
    """
    gates: list[Gate] = []
    for route in routes:
        if not isinstance(route, APIRoute):
            raise TypeError(f"a feature's router holds {type(route).__name__}, which is no route")
        methods = frozenset(route.methods or ())
        if not methods <= {"GET", "HEAD"}:
            gates.append(Gate(prefix + route.path, methods, needs_of(route.openapi_extra or {})))
    return gates
