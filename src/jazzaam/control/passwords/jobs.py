"""What passwords do later: the mail with which one is reset."""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.mails import MailCapped, Urgency, send
from jazzaam.control.passwords.events import PasswordForgotten
from jazzaam.control.passwords.tokens import Reset, write_reset
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import job
from jazzaam.jobs.retry import RetryPolicy

RESET_LASTS: Final = timedelta(hours=1)

_TEXT: Final = """\
Somebody, most likely you, asked for a new password of your Jazzaam account.

Choose it here within an hour: {url}/reset-password#token={token}
If it was not you, ignore this mail: your password stays as it is.
"""


@job(
    "passwords.mail_reset",
    atomic=False,
    retry=RetryPolicy(attempts=15, first=timedelta(seconds=1), longest=timedelta(minutes=2)),
)
async def mail_reset(plane: ControlPlane, event: PasswordForgotten) -> None:
    """Mail the owner of an address the link to a new password; for nobody's address nothing happens."""
    ends_at = plane.clock.now() + RESET_LASTS
    accounts = AccountRepository(plane.db)
    account_id = await accounts.begin_reset(event.email, event.seed, ends_at)
    if account_id is None:
        return
    services = plane.services
    token = write_reset(services.keyring, Reset(account_id, event.seed))
    text = _TEXT.format(url=services.public_url, token=token)
    known = await accounts.was_seen_from(account_id, event.network)
    urgency = Urgency.owner if known else Urgency.asked
    with suppress(MailCapped):  # as many are in the mailbox already, and the last of them still opens
        await send(services, event.email, "A new password", text, urgency=urgency, network=event.network)
