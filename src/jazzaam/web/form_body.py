"""What an HTML form sends, read byte for byte in the charset it announces: pure."""

import codecs
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from jazzaam.errors import MalformedRequest

URL_ENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
FORM_TYPES: Final = (URL_ENCODED, MULTIPART)
MAXIMUM_PARTS: Final = 1_000
_CHARSETS: Final = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp125\d|koi8-[ru]|shift_jis|euc_jp|euc_kr|gb2312|gbk|gb18030|big5"
)
"""What browsers and scripts announce (WHATWG Encoding); Python knows others, some costly, some no text."""


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Return the texts of a form-encoded or multipart body by name, several of one name joined by commas.

    Names and values are decoded in the announced charset, UTF-8 without one. Files are left out. Raises
    `MalformedRequest` for bytes that are no text of that charset, and for a charset that is not known.
    """
    media_type, options = parse_options_header(content_type)
    charset = _charset(options.get(b"charset", b"utf-8"))
    pairs = _url_encoded(body) if media_type == URL_ENCODED.encode() else _multipart(content_type, body)
    texts: dict[str, list[str]] = {}
    for number, (name, value) in enumerate(pairs):
        if number == MAXIMUM_PARTS:
            raise MalformedRequest(f"The form has more than {MAXIMUM_PARTS} fields.")
        try:
            texts.setdefault(name.decode(charset), []).append(value.decode(charset))
        except UnicodeDecodeError:
            raise MalformedRequest(f"The form is not encoded as {charset}.") from None
    return {name: ", ".join(values) for name, values in texts.items()}


def _charset(announced: bytes) -> str:
    try:
        name = codecs.lookup(announced.decode("ascii")).name
    except (LookupError, ValueError):
        name = ""
    if _CHARSETS.fullmatch(name) is None:
        raise MalformedRequest("The form's charset is not known; send it as UTF-8.")
    return name


def _url_encoded(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split as the URL standard says; raw bytes beyond ASCII stand for themselves."""
    for pair in body.split(b"&"):
        if pair:
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            yield unquote_to_bytes(name), unquote_to_bytes(value)


def _multipart(content_type: str, body: bytes) -> list[tuple[bytes, bytes]]:
    pairs: list[tuple[bytes, bytes]] = []

    def keep(field: Any) -> None:
        pairs.append((field.field_name or b"", field.value or b""))

    def leave(file: Any) -> None:
        file.close()

    headers: Any = {"Content-Type": content_type.encode("latin-1")}
    try:
        parse_form(headers, BytesIO(body), keep, leave)
    except (FormParserError, ValueError):
        raise MalformedRequest from None
    return pairs
