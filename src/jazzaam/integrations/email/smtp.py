"""Mail over SMTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from jazzaam.integrations.email import MailNotSent

_SECONDS: Final = 30


class SmtpMailer:
    """Sends through one server, a connection a mail, never longer than 30 seconds.

    `url` is `smtp://user:password@host:587` (STARTTLS when a password is given or the server offers
    it) or `smtps://…:465` (TLS from the start).
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("an SMTP URL begins with smtp:// or smtps:// and names a host")
        self._implicit_tls = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = parts.port or (465 if self._implicit_tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    async def send(self, message: EmailMessage) -> None:
        """Send one mail; raises `MailNotSent`."""
        async with self._signed_in() as server:
            await server.send_message(message)

    async def check(self) -> str:
        """Sign in to the server, and leave it again; raises `MailNotSent`."""
        async with self._signed_in():
            return f"{self._host} takes us"

    @asynccontextmanager
    async def _signed_in(self) -> AsyncGenerator[aiosmtplib.SMTP]:
        server = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._implicit_tls,
            start_tls=True if self._password and not self._implicit_tls else None,
            timeout=_SECONDS,
        )
        try:
            async with asyncio.timeout(_SECONDS), server:
                yield server
        except (aiosmtplib.SMTPException, OSError) as error:  # a TimeoutError is an OSError
            raise MailNotSent(type(error).__name__) from None
