"""Cursors: where a list goes on.

A cursor is signed, and names the list it belongs to (tenant, sort and filter), so one made for another
list, or by anyone else, is refused and never interpreted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

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
    id: ObjectId | str


class Cursors:
    """Writes and reads cursors.

    `scope` is everything that makes a list the same list: `[tenant, collection, sort, filter …]`.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def write(self, scope: list[str], position: Position | None) -> str | None:
        """Give the text that continues after `position`; None after the last page."""
        if position is None:
            return None
        return self._keyring.seal(_PURPOSE, {"s": scope, "v": position.value, "i": position.id})

    def read(self, scope: list[str], cursor: str | None) -> Position | None:
        """Give the position a cursor names; None for the first page.

        Raises `InvalidInput` when it is not ours, or belongs to another list.
        """
        if cursor is None:
            return None
        try:
            named = self._keyring.unseal(_PURPOSE, cursor)
        except BadSignature:
            raise _refused() from None
        if named["s"] != scope:
            raise _refused()
        return Position(named["v"], named["i"])


class _Found(Protocol):
    async def to_list(self) -> list[dict[str, Any]]: ...


class _Rows(Protocol):
    def find(
        self,
        filter_: Mapping[str, Any],
        fields: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] | None = None,
        limit: int = 0,
    ) -> _Found: ...


async def newest_first(
    rows: _Rows,
    matching: Mapping[str, Any],
    fields: Mapping[str, Any],
    limit: int,
    position: Position | None,
    *,
    by: str = "_id",
) -> tuple[list[dict[str, Any]], Position | None]:
    """Read a page of what matches, the greatest `by` first, and the position where the next one begins.

    Rows that are equal in it follow each other by id, the newest first. None when this page is the last.
    """
    bounds: list[Mapping[str, Any]] = [matching]
    if position is not None and by == "_id":
        bounds.append({"_id": {"$lt": position.id}})
    elif position is not None:
        tied = {by: position.value, "_id": {"$lt": position.id}}
        beyond: list[Mapping[str, Any]] = [tied]
        if position.value is not None:  # what lacks it, or holds none, comes last
            beyond += [{by: {"$lt": position.value}}, {by: None}]
        bounds.append({"$or": beyond})
    order = [("_id", -1)] if by == "_id" else [(by, -1), ("_id", -1)]
    wanted = {"$and": bounds} if len(bounds) > 1 else matching
    page = await rows.find(wanted, fields, sort=order, limit=limit + 1).to_list()
    if len(page) <= limit:
        return page, None
    page.pop()
    return page, Position(None if by == "_id" else page[-1].get(by), page[-1]["_id"])


def _refused() -> InvalidInput:
    return InvalidInput(
        [FieldError("/query/after", "cursor", "is not a cursor of this list with this sort and filter")]
    )
