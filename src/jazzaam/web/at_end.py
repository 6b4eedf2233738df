"""What a request gives back when it is over, its answer sent whole or cut off."""

from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import Scope

_KEY: Final = "jazzaam.at_end"
GiveBack = Callable[[], None]


def begin(scope: Scope) -> list[GiveBack]:
    """Let a request collect; whoever begins calls each when the request is over."""
    collected: list[GiveBack] = []
    scope[_KEY] = collected
    return collected


def at_end(request: HTTPConnection, give_back: GiveBack) -> None:
    """Call `give_back` when the request is over."""
    request.scope[_KEY].append(give_back)
