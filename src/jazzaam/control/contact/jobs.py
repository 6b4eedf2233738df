"""What the contact form does later: the mail to who runs the platform."""

from typing import Final

from jazzaam.control.contact.events import MessageReceived
from jazzaam.control.contact.repository import ContactRepository
from jazzaam.control.mails import RETRY, deliverable, plain_name, send_to_operator
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import job

_TEXT: Final = """\
{name} <{email}>{company} wrote:

{message}
"""


@job("contact.mail", atomic=False, retry=RETRY)
async def mail_message(plane: ControlPlane, event: MessageReceived) -> None:
    """Mail a message to who runs the platform, where that is set; else it is only kept."""
    row = await ContactRepository(plane.db).get(event.message_id)
    if row is None or plane.services.contact_to is None:
        return
    company = f" of {plain_name(row['companyName'], '')}" if row["companyName"] else ""
    text = _TEXT.format(
        name=plain_name(row["fullName"], "Somebody"),
        email=row["email"],
        company=company,
        message=row["message"],
    )
    subject = "A message from the contact form"
    await send_to_operator(plane.services, subject, text, reply_to=deliverable(row["email"]))
