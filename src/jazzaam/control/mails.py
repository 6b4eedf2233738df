"""Mails of the platform's own: plain text, to one person, never too many to one address."""

import re
import unicodedata
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from enum import IntEnum
from typing import Final

from email_validator import EmailNotValidError, validate_email

from jazzaam.control.plane import ControlServices
from jazzaam.errors import TooManyRequests
from jazzaam.integrations.email import MailNotSent
from jazzaam.jobs.retry import RetryPolicy
from jazzaam.logging import get_logger

log = get_logger(__name__)

RETRY: Final = RetryPolicy(attempts=15, first=timedelta(seconds=1), longest=timedelta(minutes=10))
"""How often a mail that somebody waits for is tried: over about two hours."""
_HOUR: Final = 3600
_DAY: Final = 86_400
_LONGEST_NAME: Final = 60
_PLAIN_MARKS: Final = "&',()+-!.\u2019\u2013"
_POLICY: Final = SMTP.clone(max_line_length=998)
"""Lines as long as RFC 5322 allows: a link is never broken in two."""


class Urgency(IntEnum):
    """Who a mail is for the sake of: the later ones keep a share that the earlier ones cannot use up."""

    unasked = 40
    """Somebody else had it sent: an invitation, the waiting list. In percent of what one address gets."""
    asked = 80
    """Somebody gave this address as theirs: a code, a new password."""
    owner = 100
    """The address's owner had it sent, or must know: from where they signed in before, a notice."""


class MailCapped(MailNotSent):
    """This address has got as many mails as it may."""


async def send(
    services: ControlServices,
    to: str,
    subject: str,
    text: str,
    *,
    urgency: Urgency,
    network: str = "",
) -> None:
    """Send a mail; headers are encoded and folded by the library, which refuses line breaks in them.

    One address gets `mails_per_address_hour` and `_day` of all kinds and companies together, and of what is
    `asked` from one `network` at most three fifths an hour. Raises `MailNotSent`, `MailCapped` over that.
    """
    message = _message(services, to, subject, text)
    spent = await _spend(services, to, urgency, network)
    try:
        await services.mailer.send(message)
    except MailNotSent:
        for name, key, limit, seconds in spent:  # it is tried again, and counts then
            await services.rate_limits.refund(name, key, limit=limit, seconds=seconds)
        raise


async def send_to_operator(services: ControlServices, subject: str, text: str, *, reply_to: str) -> None:
    """Send a mail to who runs the platform, however many there are: the address is of the settings."""
    assert services.contact_to is not None  # noqa: S101 - asked for where it is set
    message = _message(services, services.contact_to, subject, text)
    message["Reply-To"] = reply_to
    await services.mailer.send(message)


def plain_name(name: str, otherwise: str) -> str:
    """Return a name that somebody gave as a mail may show it: 60 characters of one line, and no link.

    Letters, digits and a few marks stay. A dot within a word goes too: mail programs make links of it.
    """
    kept = "".join(
        letter if unicodedata.category(letter)[0] in "LMN" or letter in _PLAIN_MARKS else " "
        for letter in unicodedata.normalize("NFKC", name)
    )
    without_links = re.sub(r"\.(?=\S)", " ", kept)
    return " ".join(without_links.split())[:_LONGEST_NAME].strip() or otherwise


def deliverable(address: str) -> str:
    """Return an address with its domain in ASCII (RFC 5891), which every mail server understands.

    One whose local part needs more stays as it is: it needs a server with SMTPUTF8 (RFC 6531).
    """
    try:
        known = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:  # one of the settings, with a name before it
        return address
    return known.ascii_email or address


def _message(services: ControlServices, to: str, subject: str, text: str) -> EmailMessage:
    recipient = deliverable(to)
    message = EmailMessage(_POLICY if recipient.isascii() else _POLICY.clone(utf8=True))
    message["From"] = services.mail_from
    message["To"] = recipient
    message["Subject"] = f"Jazzaam: {subject}"
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=parseaddr(services.mail_from)[1].partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="7bit" if text.isascii() else "base64")
    return message


async def _spend(
    services: ControlServices, to: str, urgency: Urgency, network: str
) -> list[tuple[str, str, int, int]]:
    """Count a mail against every share it belongs to, the smallest first; raises `MailCapped`."""
    hour, day = services.mails_per_address
    shares = [(f"mails-{one.name}", to, one) for one in Urgency if one >= urgency]
    counts = [
        (name, key, max(1, most * share // 100), seconds)
        for name, key, share in shares
        for most, seconds in ((hour, _HOUR), (day, _DAY))
    ]
    if network and urgency is Urgency.asked:
        counts.insert(0, ("mails-network", f"{to} {network}", max(1, hour * 3 // 5), _HOUR))
    for name, key, limit, seconds in counts:
        try:
            await services.rate_limits.spend(f"{name}-{seconds}", key, limit=limit, seconds=seconds)
        except TooManyRequests:
            log.warning("mail.capped", kind=name)
            raise MailCapped("capped") from None
    return [(f"{name}-{seconds}", key, limit, seconds) for name, key, limit, seconds in counts]
