"""What surrounds every request, as plain ASGI: an id, a log line, security headers, the right origin."""

import asyncio
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jazzaam.logging import get_logger
from jazzaam.web.admission import OF_STRANGERS
from jazzaam.web.at_end import begin
from jazzaam.web.head import IS_HEAD
from jazzaam.web.origin import site_of
from jazzaam.web.problems import general_problem

log = get_logger(__name__)

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_FOR_DATA: Final = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"cache-control", b"no-store"),
)
_STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
PAGES: Final = ("/f/", "/t/", "/i/")
"""Where strangers' pages live."""
STRANGERS_API: Final = "/api/v1/public/"


Measure = Callable[[str, str, int, float], None]
"""Is told of each request: its method, its route's template, the status, and how many seconds it took."""


class Envelope:
    """Gives a request its id, and its answer the headers; writes one line about it.

    A caller's `X-Request-ID` is taken over when it is 1 to 64 of `A-Z a-z 0-9 . _ -`. A page that
    brings its own Content-Security-Policy keeps it. An error nobody expected becomes a 500 that tells
    nothing; the log has it whole. A request that is cut off because the process ends is a 503; one whose
    client leaves in mid-body is a line in the log with the status 499.
    """

    def __init__(self, app: ASGIApp, *, over_https: bool, measure: Measure | None = None) -> None:
        self._app = app
        self._measure = measure
        self._always = (*_ALWAYS, _STRICT_TRANSPORT) if over_https else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["jazzaam.request_id"] = request_id.decode()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        given_back = begin(scope)
        answer = _Answer(send, (b"x-request-id", request_id), self._always)
        try:
            await self._whole(scope, receive, answer)
        finally:
            for give_back in given_back:
                give_back()
        method, route, taken = _method(scope), _route(scope), time.perf_counter() - started
        if self._measure is not None:
            self._measure(method, route, answer.status, taken)
        log.info("request", method=method, path=route, status=answer.status, ms=round(taken * 1000, 1))

    async def _whole(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        """Have the request answered, also when whatever answers it fails or is ended."""
        try:
            await self._app(scope, receive, answer.send)
        except asyncio.CancelledError:
            if answer.status:
                raise
            await general_problem(503, {"Retry-After": "1"})(scope, receive, answer.send)
        except Exception:
            log.exception("request.crashed", method=_method(scope), path=_route(scope))
            if answer.status and not answer.whole:
                raise  # the answer has begun: cutting it off is all that is left
            if not answer.status:
                await general_problem(500)(scope, receive, answer.send)


class _Answer:
    """An answer on its way: it gets its headers, and says how far it is. `status` 0: it has not begun."""

    def __init__(
        self, send: Send, request_id: tuple[bytes, bytes], always: Sequence[tuple[bytes, bytes]]
    ) -> None:
        self._send = send
        self._headers = (request_id, *always)
        self.status, self.whole = 0, False

    async def send(self, message: Message) -> None:
        """Send one part of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[tuple[bytes, bytes]] = message["headers"]
            names = [name for name, _ in headers]
            headers.extend(self._headers)
            if b"content-security-policy" not in names:
                headers.extend(_FOR_DATA)
        elif not message.get("more_body", False):
            self.whole = True
        await self._send(message)


class Origins:
    """Keeps strangers' pages and the application on origins of their own, where there are two.

    `forms_host` is the `Host` under which hosted forms are reached. There, only they and the public
    API answer; everywhere else, they do not.
    """

    def __init__(self, app: ASGIApp, *, forms_host: str | None) -> None:
        self._app = app
        self._forms_host = forms_host.encode() if forms_host else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if self._forms_host is not None and scope["type"] == "http":
            path: str = scope["path"]
            on_forms_host = _header(scope, b"host").lower() == self._forms_host
            is_page = path.startswith(PAGES)
            if is_page != on_forms_host and not path.startswith(STRANGERS_API):
                await general_problem(404)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses bodies over `maximum_bytes`, by what they announce and by what then comes, and slow ones.

    `larger` names the paths that take more. A body has `seconds` to arrive, all of it. The bodies of
    strangers, whom nobody has asked for credentials, have `strangers_bytes` together, of which one network
    takes an eighth at most.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        maximum_bytes: int,
        larger: Mapping[str, int],
        seconds: float = 30,
        strangers_bytes: int = 64_000_000,
    ) -> None:
        self._app = app
        self._maximum = maximum_bytes
        self._larger = larger
        self._seconds = seconds
        self._left_for_strangers = strangers_bytes
        self._most_of_one = strangers_bytes // 8
        self._held_by: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        maximum = self._larger.get(scope["path"], self._maximum)
        announced = _header(scope, b"content-length")
        if announced.isdigit() and int(announced) > maximum:
            await general_problem(413, detail=_too_large(maximum))(scope, receive, send)
            return
        taken, held, whole, ends_at = 0, 0, False, time.monotonic() + self._seconds

        async def receive_counted() -> Message:
            nonlocal taken, held, whole
            if whole:
                return await receive()  # waits for the client to go away
            try:
                async with asyncio.timeout(ends_at - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            whole = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > maximum:
                raise HTTPException(413, _too_large(maximum))
            if network is not None:
                more = taken - held
                if more > self._left_for_strangers or self._held_by[network] + more > self._most_of_one:
                    raise HTTPException(503)
                self._hold(network, more)
                held = taken
            return message

        network = site_of(Request(scope)) if scope.get(OF_STRANGERS, True) else None
        try:
            await self._app(scope, receive_counted, send)
        finally:
            if network is not None:
                self._hold(network, -held)

    def _hold(self, network: str, size: int) -> None:
        self._left_for_strangers -= size
        self._held_by[network] += size
        if not self._held_by[network]:
            del self._held_by[network]


def _too_large(maximum_bytes: int) -> str:
    unit, factor = ("MB", 1_000_000) if maximum_bytes >= 1_000_000 else ("kB", 1_000)  # noqa: PLR2004 - a MB
    return f"The body is larger than {maximum_bytes / factor:g} {unit}."


def _request_id(scope: Scope) -> bytes:
    given = _header(scope, b"x-request-id")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12).encode()


def _header(scope: Scope, wanted: bytes) -> bytes:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name == wanted:
            return value
    return b""


def _method(scope: Scope) -> str:
    return "HEAD" if IS_HEAD in scope else str(scope["method"])


def _route(scope: Scope) -> str:
    """Give the route's template: a path itself may hold a form's token."""
    route = scope.get("route")
    return getattr(route, "path_format", "-")
