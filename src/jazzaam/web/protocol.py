"""uvicorn's HTTP protocol, with what it lacks: a bound on a request's head, in size and in time."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jazzaam.web.problems import PROBLEM_MEDIA_TYPE, general_problem

MAXIMUM_HEAD_BYTES: Final = 512 * 1024
"""More than any head we answer: what arrives together with it, at most one read of its body, counts."""
HEAD_SECONDS: Final = 20


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too large, or do not come to an end.

    One timer a connection looks at it every `HEAD_SECONDS`, so a head has once to twice that long. One more
    connection than `most_connections` is closed at once.
    """

    most_connections = 2_000
    _in_head = True
    _taken = 0
    _seen_in_head = False
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to watch, unless there are as many connections as there may be."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the head is complete."""
        if self._in_head:
            self._taken += len(data)
            if self._taken > MAXIMUM_HEAD_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Count the head of the next request on this connection."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Count no more."""
        self._in_head, self._taken, self._seen_in_head = False, 0, False
        super().on_headers_complete()

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
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close a connection whose head was incomplete the last time too."""
        if self._in_head and (self._seen_in_head or self._taken == 0):
            self.transport.close()
            return
        self._seen_in_head = self._in_head
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look)


def bounded_protocol(connections: int) -> type[BoundedProtocol]:
    """Return the protocol of a server that holds so many connections at most."""
    return type("Protocol", (BoundedProtocol,), {"most_connections": connections})
