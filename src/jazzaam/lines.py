"""Texts that are one line: names, titles, whatever a list or a subject shows."""

import re
from typing import Final

_BREAKS: Final = re.compile(r"\s*[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]\s*")


def on_one_line(text: str) -> str:
    """Return a text with a blank for each line break or tab, as browsers do for one-line fields (HTML)."""
    return _BREAKS.sub(" ", text)
