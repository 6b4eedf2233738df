"""Notifications in words, for their reader: pure."""

from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "newLead": ("New lead", "{lead} came in through {form}."),
    "submittedAgain": ("A lead wrote again", "{lead} wrote again through {form}."),
    "leadsWaiting": (
        "Leads are waiting",
        "Your plan's number of leads is reached. What comes in, lately through {form}, is kept for you.",
    ),
}


def words(kind: str | None, params: Mapping[str, Any]) -> tuple[str, str] | None:
    """Give title and message; None for a kind that is unknown, as the original's rows are."""
    found = _WORDS.get(kind or "")
    if found is None:
        return None
    title, message = found
    safe = {name: str(value) for name, value in params.items()}
    return title, message.format_map(_Gaps(safe))


class _Gaps(dict[str, str]):
    """Parameters, of which an older row may lack some."""

    def __missing__(self, key: str) -> str:
        return "…"
