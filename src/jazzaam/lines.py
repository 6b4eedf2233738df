"""Texts that are one line: names, titles, whatever a list or a subject shows."""

import re
from typing import Final

_BLANKS: Final = re.compile(r"\s+")
_BREAK: Final = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]")


def on_one_line(text: str) -> str:
    """Return a text with a blank for each line break or tab, as browsers do for one-line fields (HTML)."""
    return _BLANKS.sub(lambda run: " " if _BREAK.search(run[0]) else run[0], text)
