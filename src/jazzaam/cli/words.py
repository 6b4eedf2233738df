"""How the command line puts things: counts, and texts that somebody else wrote."""

from datetime import datetime
from typing import cast


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 row`, `2 rows`; `many` where adding an s is not the plural."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def plain(value: object, longest: int = 80) -> str:
    """Return a stored value on one line, without characters that do something to a terminal."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value).items()
        return plain(", ".join(f"{name} {plain(part)}" for name, part in parts), longest)
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:longest])
