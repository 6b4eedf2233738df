"""What accounts do later: mail a code."""

from contextlib import suppress
from datetime import timedelta

from jazzaam.control.accounts.codes import code_for
from jazzaam.control.accounts.events import CodeRequested
from jazzaam.control.mails import MailCapped, Urgency, send
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.repository import RegistrationRepository
from jazzaam.jobs.registry import Fired, job
from jazzaam.jobs.retry import RetryPolicy
from jazzaam.jobs.schedule import Beat, Cron

CODE_PURPOSE = "registration code"

_CODE_TEXT = """\
Your Jazzaam code is {code}

Enter it where you registered. It is valid for 15 minutes.
If you did not register, ignore this mail: without the code nothing happens.
"""
_TAKEN_TEXT = """\
Somebody, most likely you, tried to register this address with Jazzaam again.

It has an account already: sign in at {url}, or reset your password there.
If it was not you, there is nothing to do.
"""


@job(
    "accounts.mail_code",
    atomic=False,
    retry=RetryPolicy(attempts=15, first=timedelta(seconds=1), longest=timedelta(minutes=2)),
)
async def mail_code(plane: ControlPlane, event: CodeRequested) -> None:
    """Mail a registration's code, or tell the address's owner that it was tried.

    A code that has been replaced meanwhile is not sent.
    """
    waiting = await RegistrationRepository(plane.db).by_email(event.email, plane.clock.now())
    if waiting is None or waiting.number != event.number:
        return
    services = plane.services
    if waiting.decoy:
        subject, text = "You have an account", _TAKEN_TEXT.format(url=services.public_url)
    else:
        code = code_for(services.keyring.key(CODE_PURPOSE), waiting.salt, waiting.number)
        subject, text = "Your code", _CODE_TEXT.format(code=code)
    with suppress(MailCapped):  # whoever floods an address gets no code to it
        await send(services, event.email, subject, text, urgency=Urgency.asked, network=event.network)


@job("accounts.forget_registrations", atomic=True, cron=Cron("7 * * * *", Beat.control))
async def forget_registrations(plane: ControlPlane, _fired: Fired) -> int:
    """Forget registrations that nobody verified within a day; gives how many there were."""
    return await RegistrationRepository(plane.db).forget_ended(plane.clock.now())
