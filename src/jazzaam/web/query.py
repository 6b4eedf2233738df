"""What a query string may be, asked once for every route."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from jazzaam.errors import FieldError, InvalidInput
from jazzaam.web.problems import general_problem, problem_for

MAXIMUM_QUERY_BYTES: Final = 4_096


class QueryBounds:
    """Refuses queries over 4 kB, and those in which a parameter comes twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        query: bytes = scope["query_string"] if scope["type"] == "http" else b""
        if len(query) > MAXIMUM_QUERY_BYTES:
            await general_problem(414)(scope, receive, send)
            return
        if b"&" in query and (twice := _names_twice(query)):
            wrong = [FieldError(f"/query/{name}", "repeated", "comes more than once") for name in twice]
            await problem_for(InvalidInput(wrong))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _names_twice(query: bytes) -> list[str]:
    names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    return sorted(name[:100] for name in set(names) if names.count(name) > 1)
