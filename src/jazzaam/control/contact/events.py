"""What happens at the contact form."""

from dataclasses import dataclass
from typing import ClassVar

from bson import ObjectId

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class MessageReceived(Event):
    """Somebody wrote to who runs the platform."""

    kind: ClassVar[str] = "contact.messageReceived"
    message_id: ObjectId
