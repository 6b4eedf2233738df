"""What an HTML form sends, read byte for byte in the charset it announces: pure."""

import base64
import logging
import quopri
import re
from collections.abc import Iterator
from encodings.aliases import aliases
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from jazzaam.errors import MalformedRequest

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

URL_ENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
FORM_TYPES: Final = (URL_ENCODED, MULTIPART)
MAXIMUM_PARTS: Final = 1_000
_Field = tuple[bytes, bytes, bytes]
"""A name, a value, and the charset that the value itself announces; empty for none."""
_CHARSETS: Final = re.compile(
    r"utf_8|ascii|latin_1|iso8859_([2-9]|1[013456])|cp125[0-8]|koi8_[ru]"
    r"|shift_jis|euc_jp|euc_kr|gb2312|gbk|gb18030|big5"
)
"""What browsers and scripts announce (WHATWG Encoding); Python knows others, some costly, some no text."""

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it logs what strangers send


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Return the texts of a form's body by name, several of one name joined by commas.

    Names and values are decoded in the charset that the header announces, else a field `_charset_` as
    HTML has it; UTF-8 without either. A part may announce one for its value. Files are left out.
    Raises `MalformedRequest` for bytes that are no text of that charset, a charset or a transfer encoding
    that is not known, and a multipart body that breaks off.
    """
    media_type, options = parse_options_header(content_type)
    if media_type == URL_ENCODED.encode():
        fields = list(islice(_url_encoded(body), MAXIMUM_PARTS + 1))
    else:
        fields = _multipart(options.get(b"boundary", b""), body)
    if len(fields) > MAXIMUM_PARTS:
        raise MalformedRequest(f"The form has more than {MAXIMUM_PARTS} fields.")
    named = next((value for name, value, _ in fields if name == b"_charset_"), b"")
    charset = _charset(options.get(b"charset") or named or b"utf-8")
    texts: dict[str, list[str]] = {}
    for name, value, own in fields:
        text = _text(value, _charset(own) if own else charset)
        texts.setdefault(_text(name, charset), []).append(text)
    return {name: ", ".join(values) for name, values in texts.items()}


def _text(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        raise MalformedRequest(f"The form is not encoded as {charset.replace('_', '-')}.") from None


def _charset(announced: bytes) -> str:
    """Name the codec, without asking Python's lookup, which remembers every name it was asked for.

    What is announced as Latin-1 or ASCII is windows-1252, as in browsers.
    """
    label = re.sub("[- .]", "_", announced[:40].decode("latin-1").strip().lower())
    name = aliases.get(label, label)
    if _CHARSETS.fullmatch(name) is None:
        raise MalformedRequest("The form's charset is not known; send it as UTF-8.")
    return "cp1252" if name in ("latin_1", "ascii") else name


def _url_encoded(body: bytes) -> Iterator[_Field]:
    """Split as the URL standard says; raw bytes beyond ASCII stand for themselves."""
    for pair in body.split(b"&"):
        if pair:
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            yield unquote_to_bytes(name), unquote_to_bytes(value), b""


def _multipart(boundary: bytes, body: bytes) -> list[_Field]:
    """Split a body; one without its last boundary has lost its end, and is refused."""
    found = _Parts()
    try:
        MultipartParser(boundary, found.callbacks()).write(body)
    except (FormParserError, ValueError):
        raise MalformedRequest from None
    if not found.ended:
        raise MalformedRequest("The form breaks off before its end.")
    return found.fields


class _Parts:
    """The parts of a multipart body that are no files, as the parser comes upon them."""

    def __init__(self) -> None:
        self.fields: list[_Field] = []
        self.ended = False
        self._name, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._data = bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls, by its names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._headers, self._data = {}, bytearray()

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end_part(self) -> None:
        _, disposition = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in disposition:
            raise MalformedRequest("A part of the form has no name.")
        if b"filename" in disposition:
            return
        _, options = parse_options_header(self._headers.get(b"content-type"))
        value = _decoded(bytes(self._data), self._headers.get(b"content-transfer-encoding", b""))
        self.fields.append((disposition[b"name"], value, options.get(b"charset", b"")))

    def _end(self) -> None:
        self.ended = True


def _decoded(data: bytes, encoding: bytes) -> bytes:
    """Undo a transfer encoding, which old programs still use (RFC 7578, 4.7)."""
    match encoding.strip().lower():
        case b"base64":
            return base64.b64decode(data)
        case b"quoted-printable":
            return quopri.decodestring(data)
        case b"" | b"7bit" | b"8bit" | b"binary":
            return data
        case _:
            raise MalformedRequest("A part of the form has a transfer encoding that is not known.")
