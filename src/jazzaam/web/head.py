"""HEAD answers wherever GET does (RFC 9110, 9.3.2): the same, without the body."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

IS_HEAD: Final = "jazzaam.head"
"""Set in the scope of a HEAD: for a GET that uses something up."""


class Head:
    """Answers a HEAD as the GET it stands for, and keeps the body to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
            elif not message.get("more_body", False):
                await send({"type": "http.response.body", "body": b""})

        as_get = {**scope, "method": "GET", IS_HEAD: True}
        await self._app(as_get, receive, send_without_body)
