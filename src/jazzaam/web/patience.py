"""A request does not wait for a database that has fallen silent."""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jazzaam.web.problems import general_problem

PATIENCE_SECONDS: Final = 5.0
_LOOKS: Final = 20
"""How often the requests are looked at in the time that one may wait."""


class Patience:
    """Ends a request with a 503 once it is five seconds old and `is_silent` says so.

    The driver itself would wait up to half a minute for an answer that does not come. What a request that
    is cut off had begun is either done or not, as after a lost connection; one whose answer has begun is
    left alone. One timer looks at all requests: a timer each costs more than all else here.
    """

    def __init__(
        self, app: ASGIApp, *, is_silent: Callable[[], bool], seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._app = app
        self._is_silent = is_silent
        self._seconds = seconds
        self._waiting: set[_Waiting] = set()
        self._is_looking = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        waiting = _Waiting(task, loop.time())

        async def send_noting(message: Message) -> None:
            self._waiting.discard(waiting)
            await send(message)

        self._waiting.add(waiting)
        if not self._is_looking:
            self._is_looking = True
            loop.call_later(self._seconds / _LOOKS, self._look, loop)
        try:
            await self._app(scope, receive, send_noting)
        except asyncio.CancelledError:
            if not waiting.is_ours():
                raise
            await general_problem(503, {"Retry-After": "1"})(scope, receive, send)
        finally:
            self._waiting.discard(waiting)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cut off who has waited long enough, and look again while anybody waits."""
        if self._is_silent():
            for waiting in self._waiting:
                if loop.time() - waiting.since >= self._seconds:
                    waiting.cut()
        self._is_looking = bool(self._waiting)
        if self._is_looking:
            loop.call_later(self._seconds / _LOOKS, self._look, loop)


class _Waiting:
    """A request that nothing was sent for yet: its task, when it came, and how often it was cut off."""

    __slots__ = ("_cuts", "_task", "since")

    def __init__(self, task: asyncio.Task[object], since: float) -> None:
        self._task, self.since, self._cuts = task, since, 0

    def cut(self) -> None:
        """Cancel the request; a driver may swallow it, so that it is cut again the next time."""
        self._cuts += 1
        self._task.cancel()

    def is_ours(self) -> bool:
        """Take our cancellations back, and check that there were some and nobody else's."""
        for _ in range(self._cuts):
            self._task.uncancel()
        return self._cuts > 0 and not self._task.cancelling()
