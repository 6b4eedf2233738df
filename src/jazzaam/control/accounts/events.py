"""What happens to accounts."""

from dataclasses import dataclass
from typing import ClassVar

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class CodeRequested(Event):
    """Somebody who registered `email` needs code `number`."""

    kind: ClassVar[str] = "account.codeRequested"
    email: str
    number: int
    network: str = ""
    """Where it was asked for."""
