"""What happens to passwords."""

from dataclasses import dataclass
from typing import ClassVar

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class PasswordForgotten(Event):
    """Somebody asked for `email`'s password to be reset; whether it is an account's is not known yet.

    The mail's token is signed over `seed`, which alone opens nothing.
    """

    kind: ClassVar[str] = "account.passwordForgotten"
    email: str
    seed: bytes
    network: str = ""
    """Where it was asked for."""
