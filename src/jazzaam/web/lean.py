"""The short way for reads: from the socket to an endpoint without the framework's machinery.

FastAPI's routing and dependency solving cost more than the MongoDB call of a single read. This class
answers the same GET routes, by the same endpoint functions and the same models, and leaves every route
whose parameters it does not understand to FastAPI, which also documents them all.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from fastapi import Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, ValidationError
from pymongo.errors import PyMongoError
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from jazzaam.errors import JazzaamError
from jazzaam.web.problems import response_for

Read = Callable[[Request], Awaitable[Any]]
"""How one argument of an endpoint is found in a request."""

_QUERIES_REMEMBERED: Final = 1_024
_LONGEST_REMEMBERED: Final = 256
"""Bytes; with the model made of it about 2 kB, so that a route remembers 2 MB at most."""
_GAP: Final = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True, slots=True)
class LeanRoute:
    """A GET route whose every argument can be read in the short way."""

    path: str
    shape: re.Pattern[str]
    route: APIRoute
    before: Sequence[Read]
    arguments: Sequence[tuple[str, Read]]

    async def answer(self, request: Request) -> Response:
        """Call what the route depends on, then the endpoint."""
        for read in self.before:
            await read(request)
        found = {name: await read(request) for name, read in self.arguments}
        response: Response = await self.route.endpoint(**found)
        return response


class LeanReads:
    """Answers the lean routes; everything else goes on to `app`."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[LeanRoute]) -> None:
        self._app = app
        self._by_path = {lean.path: lean for lean in routes if "{" not in lean.path}
        self._with_gaps = [lean for lean in routes if "{" in lean.path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            lean, values = self._find(scope["path"])
            if lean is not None:
                scope["path_params"] = values
                scope["route"] = lean.route
                request = Request(scope, receive)
                try:
                    response = await lean.answer(request)
                except (JazzaamError, RequestValidationError, PyMongoError) as error:
                    response = await response_for(request, error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _find(self, path: str) -> tuple[LeanRoute | None, dict[str, str]]:
        """Find the route of a path, and what stands in its gaps; one without gaps comes first."""
        exactly = self._by_path.get(path)
        if exactly is not None:
            return exactly, {}
        for lean in self._with_gaps:
            match = lean.shape.fullmatch(path)
            if match is not None:
                return lean, match.groupdict()
        return None, {}


def lean_routes(routes: Iterable[object], prefix: str) -> list[LeanRoute]:
    """Find the routes that can be read in the short way."""
    found: list[LeanRoute] = []
    for route in routes:
        if isinstance(route, APIRoute) and route.methods == {"GET"}:
            before, arguments = _before(route), _arguments(route.endpoint)
            if before is not None and arguments is not None:
                path = prefix + route.path
                shape = re.compile(_GAP.sub(r"(?P<\1>[^/]+)", re.escape(path)))
                found.append(LeanRoute(path, shape, route, before, arguments))
    return found


def _before(route: APIRoute) -> list[Read] | None:
    """List what a route depends on beside its arguments; None when one of them cannot be read."""
    found = [depends.dependency for depends in route.dependencies]
    working = [one for one in found if one is not None and not _only_documents(one)]
    return working if all(_takes_a_request(one) for one in working) else None


def _only_documents(dependency: object) -> bool:
    """Tell a scheme that is there for OpenAPI: without `auto_error` it refuses nobody."""
    return isinstance(dependency, SecurityBase) and getattr(dependency, "auto_error", None) is False


def _arguments(endpoint: Callable[..., Any]) -> list[tuple[str, Read]] | None:
    """Plan how each argument is read; None when one of them cannot be.

    Dependencies come first, as with FastAPI: who asks is known before what is asked.
    """
    hints = get_type_hints(endpoint, include_extras=True)
    if "return" not in hints or hints["return"] is not Response:
        return None
    first: list[tuple[str, Read]] = []
    then: list[tuple[str, Read]] = []
    for name in inspect.signature(endpoint).parameters:
        read = _reader(name, hints[name])
        if read is None:
            return None
        (first if _is_dependency(hints[name]) else then).append((name, read))
    return first + then


def _reader(name: str, hint: Any) -> Read | None:
    if hint is Request:
        return _whole
    if get_origin(hint) is not Annotated:
        return None
    kind, *notes = get_args(hint)
    for note in notes:
        if isinstance(note, params.Depends) and note.dependency is not None:
            return note.dependency if _takes_a_request(note.dependency) else None
        if isinstance(note, params.Query) and isinstance(kind, type) and issubclass(kind, BaseModel):
            return _query(kind)
        if isinstance(note, params.Path):
            return _path(name, _pattern(note))
    return None


async def _whole(request: Request) -> Request:
    return request


def _is_dependency(hint: Any) -> bool:
    return any(isinstance(note, params.Depends) for note in get_args(hint)[1:])


def _takes_a_request(dependency: Callable[..., Any]) -> bool:
    parameters = inspect.signature(dependency).parameters.values()
    return [parameter.annotation for parameter in parameters] == [Request]


def _pattern(path: params.Path) -> str:
    patterns = (getattr(rule, "pattern", None) for rule in path.metadata)
    return next((pattern for pattern in patterns if pattern is not None), ".+")


def _query(model: type[BaseModel]) -> Read:
    def parsed(query_string: bytes) -> BaseModel:
        """Parse a query; the models are frozen, so the same one can be given to many requests."""
        return model.model_validate(dict(QueryParams(query_string)))

    remembered = lru_cache(_QUERIES_REMEMBERED)(parsed)

    async def read(request: Request) -> BaseModel:
        query: bytes = request.scope["query_string"]
        try:
            return remembered(query) if len(query) <= _LONGEST_REMEMBERED else parsed(query)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            raise RequestValidationError(
                [{**one, "loc": ("query", *one["loc"])} for one in found]
            ) from None

    return read


def _path(name: str, pattern: str) -> Read:
    shape = re.compile(pattern)

    async def read(request: Request) -> str:
        value: str = request.path_params[name]
        if shape.fullmatch(value) is None:
            message = f"String should match pattern '{pattern}'"
            wrong = {"type": "string_pattern_mismatch", "loc": ("path", name), "msg": message}
            raise RequestValidationError([{**wrong, "input": value}])
        return value

    return read
