"""What happens at the waiting list."""

from dataclasses import dataclass
from typing import ClassVar

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class WaitlistJoined(Event):
    """Somebody wants to wait; whether they do already is not said."""

    kind: ClassVar[str] = "waitlist.joined"
    email: str
