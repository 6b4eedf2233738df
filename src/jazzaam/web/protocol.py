"""uvicorn's HTTP protocol, with what it lacks: a bound on a request's head, in size and in time."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAXIMUM_HEAD_BYTES: Final = 512 * 1024
"""More than any head we answer: what arrives together with it, at most one read of its body, counts."""
HEAD_SECONDS: Final = 20


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too large, or do not come to an end."""

    _taken = 0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Count what comes before the head is complete."""
        if self._waiting is not None:
            self._taken += len(data)
            if self._taken > MAXIMUM_HEAD_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to wait for the head of the next request on this connection."""
        if self._waiting is None:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait no longer."""
        self._head_is_complete()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._head_is_complete()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._taken = 0
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_is_complete(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
