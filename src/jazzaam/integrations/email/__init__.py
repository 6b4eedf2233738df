"""Sending mail."""

from email.message import EmailMessage
from typing import Protocol


class Mailer(Protocol):
    """Sends a mail."""

    async def send(self, message: EmailMessage) -> None:
        """Send one mail.

        Raises `MailNotSent`; the mail may then be sent again.
        """
        ...

    async def check(self) -> str:
        """Try whether mails could be sent, and send none; says how they go. Raises `MailNotSent`."""
        ...


class MailNotSent(Exception):
    """The mail was not accepted; the text names no address and no secret."""
