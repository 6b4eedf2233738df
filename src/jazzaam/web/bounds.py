"""What a request's address and headers may be, asked once for every route."""

from collections import Counter
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from jazzaam.errors import FieldError, InvalidInput
from jazzaam.web.middleware import PAGES, STRANGERS_API
from jazzaam.web.problems import general_problem, problem_for

MAXIMUM_QUERY_BYTES: Final = 4_096
_ONCE: Final = {
    b"authorization": "Authorization",
    b"x-api-key": "X-API-Key",
    b"idempotency-key": "Idempotency-Key",
    b"if-match": "If-Match",
    b"content-type": "Content-Type",
}
"""Headers of which we read one: which of two is meant, a proxy and we might read differently."""


class Bounds:
    """Refuses queries over 4 kB, unprintable paths, and whatever comes twice of which one is read.

    These are the parameters of the API's queries, and the headers that say who asks and for what. Visitors
    come to a form with whatever an advertisement's links add to its address: it is not looked at. The
    framework's patterns let a line break end a path, ours do not: each route has one address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query: bytes = scope["query_string"]
        if not scope["path"].isprintable():
            await general_problem(404)(scope, receive, send)
            return
        if len(query) > MAXIMUM_QUERY_BYTES:
            await general_problem(414)(scope, receive, send)
            return
        named = [name for name, _ in scope["headers"]]
        twice = _headers_twice(named) if len(set(named)) < len(named) else []
        if b"&" in query and not _is_visitors(scope["path"]):
            twice += [f"/query/{name}" for name in _names_twice(query)]
        if twice:
            wrong = [FieldError(pointer, "repeated", "comes more than once") for pointer in twice]
            await problem_for(InvalidInput(wrong))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _headers_twice(named: list[bytes]) -> list[str]:
    return [f"/header/{shown}" for name, shown in _ONCE.items() if named.count(name) > 1]


def _is_visitors(path: str) -> bool:
    return path.startswith((*PAGES, STRANGERS_API))


def _names_twice(query: bytes) -> list[str]:
    names = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return sorted(name[:100] for name, count in names.items() if count > 1)
