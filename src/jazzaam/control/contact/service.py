"""The rules of the contact form: a message is kept first, and mailed then."""

from dataclasses import dataclass

from bson import ObjectId

from jazzaam.control.contact.events import MessageReceived
from jazzaam.control.contact.repository import ContactRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.database import Document


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What somebody wrote; `email` is normalised."""

    full_name: str
    email: str
    company_name: str
    message: str


async def receive(plane: ControlPlane, new: NewMessage) -> None:
    """Keep a message, and have it mailed to who runs the platform."""
    now, message_id = plane.clock.now(), ObjectId()
    row: Document = {
        "_id": message_id,
        "fullName": new.full_name,
        "email": new.email,
        "companyName": new.company_name,
        "message": new.message,
        "createdAt": now,
        "updatedAt": now,
    }

    async def work() -> None:
        await ContactRepository(plane.db).add(row)
        plane.publish(MessageReceived(message_id))

    await plane.change(work)
