"""What happens to identities."""

from dataclasses import dataclass
from typing import ClassVar

from bson import ObjectId

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class IdentityLinked(Event):
    """An account that was there can be signed in to with a provider from now on."""

    kind: ClassVar[str] = "account.identityLinked"
    account_id: ObjectId
    provider: str
