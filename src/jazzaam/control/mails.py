"""Mails of the platform's own: plain text, to one person."""

from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Final

from jazzaam.control.plane import ControlServices
from jazzaam.jobs.retry import RetryPolicy

RETRY: Final = RetryPolicy(attempts=15, first=timedelta(seconds=1), longest=timedelta(minutes=10))
"""How often a mail that somebody waits for is tried: over about two hours."""


async def send(
    services: ControlServices, to: str, subject: str, text: str, *, reply_to: str | None = None
) -> None:
    """Send a mail; headers are encoded and folded by the library, which refuses line breaks in them.

    Raises `MailNotSent`.
    """
    message = EmailMessage()
    message["From"] = services.mail_from
    message["To"] = to
    message["Subject"] = f"Jazzaam: {subject}"
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=parseaddr(services.mail_from)[1].partition("@")[2])
    if reply_to is not None:
        message["Reply-To"] = reply_to
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    await services.mailer.send(message)
