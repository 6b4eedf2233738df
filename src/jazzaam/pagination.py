"""Cursors: where a list goes on.

A cursor is signed, and names the list it belongs to (tenant, sort and filter), so one made for another
list, or by anyone else, is refused and never interpreted.
"""

from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId

from jazzaam.errors import FieldError, InvalidInput
from jazzaam.signing import BadSignature, Keyring

DEFAULT_LIMIT: Final = 20
MAXIMUM_LIMIT: Final = 100
_PURPOSE: Final = "cursor"


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: its sort value and, to break ties, its id."""

    value: Any
    id: ObjectId


class Cursors:
    """Writes and reads cursors.

    `scope` is everything that makes a list the same list: `[tenant, collection, sort, filter …]`.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def write(self, scope: list[str], position: Position) -> str:
        """Give the text that continues after `position`."""
        return self._keyring.seal(_PURPOSE, {"s": scope, "v": position.value, "i": position.id})

    def read(self, scope: list[str], cursor: str) -> Position:
        """Give the position a cursor names.

        Raises `InvalidInput` when it is not ours, or belongs to another list.
        """
        try:
            named = self._keyring.unseal(_PURPOSE, cursor)
        except BadSignature:
            raise _refused() from None
        if named["s"] != scope:
            raise _refused()
        return Position(named["v"], named["i"])


def _refused() -> InvalidInput:
    return InvalidInput(
        [FieldError("/query/after", "cursor", "is not a cursor of this list with this sort and filter")]
    )
