"""What happens to invitations."""

from dataclasses import dataclass
from typing import ClassVar

from bson import ObjectId

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class MemberInvited(Event):
    """Somebody is to be mailed an invitation."""

    kind: ClassVar[str] = "team.memberInvited"
    company_id: ObjectId
    invitation_id: ObjectId
