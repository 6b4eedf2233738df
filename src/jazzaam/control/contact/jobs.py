"""What the contact form does later: the mail to who runs the platform."""

from typing import Final

from jazzaam.control.contact.events import MessageReceived
from jazzaam.control.contact.repository import ContactRepository
from jazzaam.control.mails import RETRY, send
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import job

_TEXT: Final = """\
{name} <{email}>{company} wrote:

{message}
"""


@job("contact.mail", atomic=False, retry=RETRY)
async def mail_message(plane: ControlPlane, event: MessageReceived) -> None:
    """Mail a message to who runs the platform, where that is set; else it is only kept."""
    to = plane.services.contact_to
    row = await ContactRepository(plane.db).get(event.message_id)
    if row is None or to is None:
        return
    company = f" of {row['companyName']}" if row["companyName"] else ""
    text = _TEXT.format(name=row["fullName"], email=row["email"], company=company, message=row["message"])
    await send(plane.services, to, "A message from the contact form", text, reply_to=row["email"])
