"""uvicorn's HTTP protocol, with what it lacks: a bound on a request's head, in size and in time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jazzaam.web.origin import Network, is_trusted, site_named
from jazzaam.web.problems import PROBLEM_MEDIA_TYPE, general_problem

MAXIMUM_HEAD_BYTES: Final = 512 * 1024
"""More than any head we answer: what arrives together with it, at most one read of its body, counts."""
HEAD_SECONDS: Final = 20
LINGER_SECONDS: Final = 2
"""How long a connection stays open whose request was answered before all of it had come."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too large, or do not come to an end.

    One timer a connection looks at it every `HEAD_SECONDS`, so a head has once to twice that long. What
    comes behind a head and is no body (trailers, chunk extensions) is bounded too. One more connection than
    `most_connections` is closed at once, and so is one more than a quarter of them from one network that
    is no proxy of ours.
    """

    most_connections = 2_000
    trusted: Sequence[Network] = ()
    held: ClassVar[Counter[str]] = Counter()
    _network: str | None = None
    _in_head = True
    _in_message = False
    _taken = 0
    _seen_in_head = False
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to watch, unless there are as many connections as there may be."""
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        network = None if is_trusted(host, self.trusted) else site_named(host)
        share = self.most_connections if network is None else self.most_connections // 4
        if len(self.connections) > self.most_connections or self.held[network or ""] >= share:
            transport.abort()
            return
        if network is not None:
            self._network = network
            self.held[network] += 1
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        """Count what comes and is no body."""
        self._taken += len(data)
        if self._taken > MAXIMUM_HEAD_BYTES:
            self.transport.close()
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Count the head of the next request on this connection."""
        self._in_head = self._in_message = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Nobody needs trailers: whoever sends them is heard no more."""
        if not self._in_head:
            self.transport.close()
            return
        super().on_header(name, value.rstrip(b" \t"))  # RFC 9112 5.1; the parser strips in front alone

    def on_headers_complete(self) -> None:
        """Count anew."""
        self._in_head, self._taken, self._seen_in_head = False, 0, False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count anew: bodies have bounds of their own."""
        self._taken = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that all of a request has come."""
        self._taken, self._in_message = 0, False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Close a connection soon that is answered before its request is complete."""
        super().on_response_complete()
        if self._in_message and not self._in_head and self.cycle.response_complete:
            self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the same words for every cause
        """Refuse what is no HTTP request, in the form every refusal has."""
        body = bytes(general_problem(400).body)
        head = (
            "HTTP/1.1 400 Bad Request",
            f"content-type: {PROBLEM_MEDIA_TYPE}",
            f"content-length: {len(body)}",
            "connection: close",
        )
        self.transport.write("\r\n".join((*head, "", "")).encode() + body)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.cancel()
        if self._network is not None:
            self.held[self._network] -= 1
            if not self.held[self._network]:
                del self.held[self._network]
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close a connection whose head was incomplete the last time too."""
        if self._in_head and (self._seen_in_head or self._taken == 0):
            self.transport.close()
            return
        self._seen_in_head = self._in_head
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look)


def bounded_protocol(connections: int, trusted: Sequence[Network] = ()) -> type[BoundedProtocol]:
    """Return the protocol of a server that holds so many connections at most, behind these proxies."""
    own = {"most_connections": connections, "trusted": trusted, "held": Counter[str]()}
    return type("Protocol", (BoundedProtocol,), own)
