"""What the waiting list does later: the mail to who waits."""

from typing import Final

from jazzaam.control.mails import RETRY, Urgency, send
from jazzaam.control.plane import ControlPlane
from jazzaam.control.waitlist.events import WaitlistJoined
from jazzaam.control.waitlist.repository import WaitlistRepository
from jazzaam.jobs.registry import job

_TEXT: Final = """\
You are on the waiting list of Jazzaam. We write to this address when it is your turn.

If it was not you who asked, ignore this mail.
"""


@job("waitlist.mail", atomic=False, retry=RETRY)
async def mail_joined(plane: ControlPlane, event: WaitlistJoined) -> None:
    """Mail who waits, unless they were mailed."""
    if await WaitlistRepository(plane.db).needs_no_mail(event.email):
        return
    await send(plane.services, event.email, "You are on the list", _TEXT, urgency=Urgency.unasked)
    await WaitlistRepository(plane.db).note_mailed(event.email, plane.clock.now())
