"""How a failure is told: problem documents (RFC 9457), written here and nowhere else."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from jazzaam.errors import FieldError, InvalidInput, JazzaamError, TooManyRequests
from jazzaam.logging import get_logger
from jazzaam.web.json import to_json

log = get_logger(__name__)

CLIENT_LEFT: Final = 499
"""What the log says of a request whose client left before it was sent whole; no client ever reads it."""
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 says it.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/LeadNotFound"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "With 422: each place that is wrong.",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {"type": "string", "examples": ["/fields/0/name"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
GENERAL: Final = {
    400: ("MalformedRequest", "The request could not be read."),
    404: ("RouteNotFound", "There is no such address."),
    405: ("MethodNotAllowed", "This address does not take that method."),
    408: ("BodyTooSlow", "The body took too long to arrive."),
    413: ("BodyTooLarge", "The body is larger than this address takes."),
    414: ("QueryTooLong", "The query is longer than 4 kB."),
    415: ("UnsupportedMediaType", "Send the body as application/json."),
    500: ("InternalError", "Something went wrong on our side; it has been recorded."),
    503: ("Unavailable", "Jazzaam cannot answer just now; try again in a moment."),
}
"""What can happen to any request: the name, and what its reader is told."""


def problem(
    name: str,
    status: int,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    members: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write one problem document; `members` are further facts by name."""
    body: dict[str, Any] = {
        "type": f"/problems/{name}",
        "title": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize(),
        "status": status,
        "detail": detail,
        **(members or {}),
    }
    if errors:
        body["errors"] = [
            {"pointer": error.pointer, "code": error.code, "message": error.message} for error in errors
        ]
    return Response(to_json(body), status, headers, PROBLEM_MEDIA_TYPE)


def general_problem(
    status: int, headers: Mapping[str, str] | None = None, *, detail: str | None = None
) -> Response:
    """Write the problem for something that can happen to any request; `detail` where more is known."""
    name, usual = GENERAL.get(status, (HTTPStatus(status).phrase.replace(" ", ""), "Refused."))
    return problem(name, status, detail or usual, headers=headers)


def unsupported_media_type(*taken: str) -> Response:
    """Write the problem for a body of another type than those that are `taken`."""
    return general_problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail=f"Send the body as {_either(taken)}.")


def _either(names: Sequence[str]) -> str:
    """Return names as a choice in words: `a, b or c`."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def problem_for(error: JazzaamError) -> Response:
    """Write the problem for one of our own errors."""
    headers: dict[str, str] = {}
    errors: Sequence[FieldError] = ()
    if isinstance(error, InvalidInput):
        errors = error.errors
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_seconds)
        headers["RateLimit-Reset"] = str(error.retry_after_seconds)
        headers["RateLimit-Remaining"] = "0"
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return problem(
        type(error).__name__,
        error.status,
        error.detail,
        errors=errors,
        members=error.members,
        headers=headers,
    )


def documented(*errors: type[JazzaamError]) -> dict[int | str, dict[str, Any]]:
    """Describe a route's own errors for OpenAPI; several may share a status."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        said = f"`{error.__name__}`: {(error.__doc__ or '').strip().splitlines()[0]}"
        before = responses.get(error.status)
        description = f"{before['description']} {said}" if before else said
        responses[error.status] = _response(description)
    return responses


def document_general(operation: dict[str, Any]) -> None:
    """Add to an OpenAPI operation what can happen to any request like it."""
    places = {one["in"] for one in operation.get("parameters", ())}
    statuses = [400, 422, 500, 503]
    statuses += [404] if "path" in places else []
    statuses += [414] if "query" in places else []
    statuses += [408, 413, 415] if "requestBody" in operation else []
    for status in statuses:
        name, detail = GENERAL.get(status, ("InvalidInput", "Some of what was sent is not valid."))
        known = operation["responses"].get(str(status))
        if known is None or "HTTPValidationError" in str(known):
            operation["responses"][str(status)] = _response(f"`{name}`: {detail}")


def _response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}}}


def install(app: FastAPI) -> None:
    """Let every failure of `app` be told as a problem document."""
    app.add_exception_handler(JazzaamError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(PyMongoError, _database)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)


async def response_for(request: Request, error: Exception) -> Response:
    """Tell a failure that never reached the framework, just as if it had."""
    if isinstance(error, JazzaamError):
        return await _ours(request, error)
    if isinstance(error, RequestValidationError):
        return await _invalid(request, error)
    return await _database(request, error)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, JazzaamError)  # noqa: S101 - says what Starlette dispatches here
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request.failed", error=type(error).__name__)
    return problem_for(error)


async def _left(_request: Request, _error: Exception) -> Response:
    """Note that a client left in mid-body: nobody reads this answer, the log line has its status."""
    return Response(status_code=CLIENT_LEFT)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    """Tell nothing; the framework raises the error again, and the middleware records it."""
    return general_problem(HTTPStatus.INTERNAL_SERVER_ERROR)


async def _database(_request: Request, error: Exception) -> Response:
    log.error("database.failed", error=type(error).__name__, code=getattr(error, "code", None))
    return general_problem(HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - says what Starlette dispatches here
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return general_problem(HTTPStatus.BAD_REQUEST)
    if any(tuple(one["loc"]) == ("body",) for one in found) and not _is_json(request):
        return general_problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return problem_for(InvalidInput([field_error(one) for one in found]))


def field_error(found: Mapping[str, Any]) -> FieldError:
    """Say one of pydantic's errors our way."""
    place, *rest = [str(part).replace("~", "~0").replace("/", "~1") for part in found["loc"]] or [""]
    path = rest if place == "body" else [place, *rest]
    message = str(found["msg"]).removeprefix("Value error, ")
    return FieldError("/" + "/".join(path) if path else "", str(found["type"]), message)


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


async def _framework(request: Request, error: Exception) -> Response:
    """Put the framework's own refusals in our form; their `Allow` lists one route's methods only."""
    assert isinstance(error, HTTPException)  # noqa: S101 - says what Starlette dispatches here
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_at(request))
    usual = HTTPStatus(error.status_code).phrase
    return general_problem(
        error.status_code, headers, detail=error.detail if error.detail != usual else None
    )


def _methods_at(request: Request) -> list[str]:
    app: FastAPI = request.app
    methods: set[str] = set(app.state.page_methods(request.url.path))
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    for template, operations in paths.items():
        shape = "/".join(
            "[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/")
        )
        if re.fullmatch(shape, request.url.path):
            methods |= {method.upper() for method in operations}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)
