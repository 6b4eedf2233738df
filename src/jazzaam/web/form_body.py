"""What an HTML form sends, read byte for byte in the charset it announces: pure."""

import logging
import re
from collections.abc import Iterator
from encodings.aliases import aliases
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import FormParser, parse_options_header

from jazzaam.errors import MalformedRequest

URL_ENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
FORM_TYPES: Final = (URL_ENCODED, MULTIPART)
MAXIMUM_PARTS: Final = 1_000
_CHARSETS: Final = re.compile(
    r"utf_8|ascii|latin_1|iso8859_([2-9]|1[013456])|cp125[0-8]|koi8_[ru]"
    r"|shift_jis|euc_jp|euc_kr|gb2312|gbk|gb18030|big5"
)
"""What browsers and scripts announce (WHATWG Encoding); Python knows others, some costly, some no text."""

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it logs what strangers send


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Return the texts of a form's body by name, several of one name joined by commas.

    Names and values are decoded in the charset that the header announces, else a field `_charset_` as
    HTML has it; UTF-8 without either. Files are left out. Raises `MalformedRequest` for bytes that are no
    text of that charset, a charset that is not known, and a multipart body that breaks off.
    """
    media_type, options = parse_options_header(content_type)
    if media_type == URL_ENCODED.encode():
        pairs = list(islice(_url_encoded(body), MAXIMUM_PARTS + 1))
    else:
        pairs = _multipart(options.get(b"boundary", b""), body)
    if len(pairs) > MAXIMUM_PARTS:
        raise MalformedRequest(f"The form has more than {MAXIMUM_PARTS} fields.")
    charset = _charset(options.get(b"charset") or dict(pairs).get(b"_charset_") or b"utf-8")
    texts: dict[str, list[str]] = {}
    try:
        for name, value in pairs:
            texts.setdefault(name.decode(charset), []).append(value.decode(charset))
    except UnicodeDecodeError:
        raise MalformedRequest(f"The form is not encoded as {charset.replace('_', '-')}.") from None
    return {name: ", ".join(values) for name, values in texts.items()}


def _charset(announced: bytes) -> str:
    """Name the codec, without asking Python's lookup, which remembers every name it was asked for.

    What is announced as Latin-1 or ASCII is windows-1252, as in browsers.
    """
    label = re.sub("[- .]", "_", announced[:40].decode("latin-1").strip().lower())
    name = aliases.get(label, label)
    if _CHARSETS.fullmatch(name) is None:
        raise MalformedRequest("The form's charset is not known; send it as UTF-8.")
    return "cp1252" if name in ("latin_1", "ascii") else name


def _url_encoded(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split as the URL standard says; raw bytes beyond ASCII stand for themselves."""
    for pair in body.split(b"&"):
        if pair:
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            yield unquote_to_bytes(name), unquote_to_bytes(value)


def _multipart(boundary: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
    """Split a body; one without its last boundary has lost its end, and is refused."""
    pairs: list[tuple[bytes, bytes]] = []
    ended = False

    def keep(field: Any) -> None:
        pairs.append((field.field_name or b"", field.value or b""))

    def leave(file: Any) -> None:
        file.close()

    def end() -> None:
        nonlocal ended
        ended = True

    try:
        parser = FormParser(MULTIPART, keep, leave, end, boundary=boundary)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise MalformedRequest from None
    if not ended:
        raise MalformedRequest("The form breaks off before its end.")
    return pairs
