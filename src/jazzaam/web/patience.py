"""A request does not wait for a database that has fallen silent."""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jazzaam.web.problems import general_problem

PATIENCE_SECONDS: Final = 5.0
_LOOK_AGAIN_SECONDS: Final = 1.0


class Patience:
    """Ends a request with a 503 once it is five seconds old and `is_silent` says so.

    The driver itself would wait up to half a minute for an answer that does not come. What a request that
    is cut off had begun is either done or not, as after a lost connection; one whose answer has begun is
    left alone.
    """

    def __init__(
        self, app: ASGIApp, *, is_silent: Callable[[], bool], seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._app = app
        self._is_silent = is_silent
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        answering, cuts = False, 0

        async def send_noting(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        def look() -> None:
            nonlocal timer, cuts
            timer = loop.call_later(_LOOK_AGAIN_SECONDS, look)
            if not answering and self._is_silent():
                cuts += 1
                task.cancel()

        timer = loop.call_later(self._seconds, look)
        try:
            await self._app(scope, receive, send_noting)
        except asyncio.CancelledError:
            if not cuts or any([task.uncancel() for _ in range(cuts)][-1:]):
                raise
            await general_problem(503, {"Retry-After": "1"})(scope, receive, send)
        finally:
            timer.cancel()
