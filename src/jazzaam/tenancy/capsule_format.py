"""A capsule's bytes: a compressed run of records, closed by a manifest and its signature.

    file     := MAGIC zstd(record*) end of capsule, which names the bytes before it
    record   := kind (1 byte) length (4 bytes, little endian) payload
    order    := header shape* (collection documents*)* (correction removed* documents*)* row*
                manifest signature

`documents` are BSON documents one after the other, as the server stores them; `removed` are `{_id}`. A
correction follows the copies: its documents replace those of the same `_id`, and those it removes are
gone; a later one of the same collection goes beyond an earlier. The manifest counts and hashes what was
written for each collection; the signature is over the hash of every record before it.

Reading trusts nothing: sizes are bounded, order is fixed, and what is left over is an error.
"""

import hashlib
import hmac
import os
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, Final

import bson
import zstandard
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON

from jazzaam.errors import InvalidInput
from jazzaam.tenancy.database import Document

MAGIC: Final = b"JAZZAAM CAPSULE\n"
FORMAT: Final = 1
LONGEST_RECORD: Final = 48_000_000
"""Bytes of documents; a server's batch is 16 MB and a document over it."""
LONGEST_DOCUMENT: Final = 1_000_000
"""Bytes of a record that is one document of ours."""
_SHORTEST: Final = 5
_WINDOW: Final = 2**23
_LEVEL: Final = 3
_HEAD: Final = struct.Struct("<cI")
_READ: Final = 1 << 20
_AS_STORED: Final[CodecOptions[Document]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
_STRICTLY: Final[CodecOptions[Document]] = CodecOptions(tz_aware=True)


class CapsuleRefused(InvalidInput):
    """This file cannot be imported."""

    def __init__(self, detail: str) -> None:
        super().__init__([], detail)


class Kind(Enum):
    """What a record is."""

    header = b"H"
    shape = b"I"
    collection = b"C"
    documents = b"D"
    correction = b"X"
    removed = b"R"
    row = b"S"
    manifest = b"M"
    signature = b"Z"


_FOLLOWERS: Final = {
    None: {Kind.header},
    Kind.header: {Kind.shape, Kind.collection, Kind.correction, Kind.row, Kind.manifest},
    Kind.shape: {Kind.shape, Kind.collection, Kind.correction, Kind.row, Kind.manifest},
    Kind.collection: {Kind.documents, Kind.collection, Kind.correction, Kind.row, Kind.manifest},
    Kind.documents: {
        Kind.documents, Kind.collection, Kind.correction, Kind.row, Kind.manifest,
    },
    Kind.correction: {Kind.removed, Kind.documents, Kind.correction, Kind.row, Kind.manifest},
    Kind.removed: {Kind.removed, Kind.documents, Kind.correction, Kind.row, Kind.manifest},
    Kind.row: {Kind.row, Kind.manifest},
    Kind.manifest: {Kind.signature},
    Kind.signature: set[Kind](),
}  # fmt: skip


@dataclass
class Written:
    """What was written for one collection."""

    copied: int = 0
    removed: int = 0
    corrected: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def as_document(self, count: int) -> Document:
        """Give it as the manifest keeps it; `count` is how many there were at the capsule's time."""
        return {
            "count": count,
            "copied": self.copied,
            "removed": self.removed,
            "corrected": self.corrected,
            "sha256": self.digest.hexdigest(),
        }


class Tally:
    """Counts and hashes records as they go by, the same way when writing and when reading."""

    def __init__(self) -> None:
        self.collections: dict[str, Written] = {}
        self.whole = hashlib.sha256()
        self._current = Written()
        self._correcting = False

    def count(self, kind: Kind, payload: bytes) -> None:
        """Take one record into account; raises `InvalidBSON` for documents that are none."""
        self.whole.update(_HEAD.pack(kind.value, len(payload)))
        self.whole.update(payload)
        if kind in (Kind.collection, Kind.correction):
            name = str(decode(payload)["name"])
            self._current = self.collections.setdefault(name, Written())
            self._correcting = kind is Kind.correction
        elif kind in (Kind.documents, Kind.removed):
            number = sum(1 for _ in documents_in(payload))
            if kind is Kind.removed:
                self._current.removed += number
            elif self._correcting:
                self._current.corrected += number
            else:
                self._current.copied += number
        if kind in (Kind.collection, Kind.correction, Kind.documents, Kind.removed):
            self._current.digest.update(kind.value + payload)


def decode(payload: bytes | memoryview) -> Document:
    """Read one document as it is stored, dates beyond Python's too; raises `InvalidBSON`."""
    return bson.decode(bytes(payload), _AS_STORED)  # pyright: ignore[reportUnknownMemberType] - the same


def decode_strictly(payload: bytes | memoryview) -> Document:
    """Read a stranger's document: an `_id`, and dates that a program can show; raises `InvalidBSON`."""
    document: Document = bson.decode(bytes(payload), _STRICTLY)  # pyright: ignore[reportUnknownMemberType]
    if "_id" not in document:
        raise InvalidBSON("a document has no _id")
    return document


def documents_in(payload: bytes) -> Iterator[memoryview]:
    """Split documents that follow one another; raises `InvalidBSON` where they do not."""
    view, start = memoryview(payload), 0
    while start < len(view):
        if start + 4 > len(view):
            raise InvalidBSON("a document is cut off")
        size = int.from_bytes(view[start : start + 4], "little")
        end = start + size
        if size < 5 or end > len(view) or view[end - 1] != 0:  # noqa: PLR2004 - the smallest document
            raise InvalidBSON("a document has a wrong size")
        yield view[start:end]
        start = end


class Writer:
    """Writes a capsule; `finish` closes it with its manifest and signature."""

    def __init__(self, file: BinaryIO) -> None:
        file.write(MAGIC)
        self._file = file
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._stream = compressor.stream_writer(file, closefd=False)
        self.tally = Tally()
        self.bytes = 0
        self._last: Kind | None = None

    def write(self, kind: Kind, payload: bytes) -> None:
        """Write one record; raises `ValueError` where none of its kind belongs."""
        if kind not in _FOLLOWERS[self._last]:
            raise ValueError(f"a {kind.name} after {self._last}")
        self._last = kind
        self.tally.count(kind, payload)
        self.bytes += len(payload)
        self._stream.write(_HEAD.pack(kind.value, len(payload)))
        self._stream.write(payload)

    def write_document(self, kind: Kind, document: Document) -> None:
        """Write a record that is one document."""
        self.write(kind, bson.encode(document))

    def finish(self, manifest: Document, key: bytes, key_id: str) -> None:
        """Write the manifest and sign everything."""
        self.write_document(Kind.manifest, manifest)
        signature = hmac.digest(key, self.tally.whole.digest(), "sha256")
        self.write_document(Kind.signature, {"keyId": key_id, "mac": signature})
        self._stream.close()  # pyright: ignore[reportUnknownMemberType] - its own annotation
        self._file.write(end_after(self._file.tell()))


class Reading:
    """A capsule's records, decompressed, and the hash of its file when all of it was read."""

    def __init__(self, stream: BinaryIO, part: "_Part", end: bytes) -> None:
        self.stream = stream
        self._part = part
        self._end = end

    def sha256(self) -> str:
        """Hash the file that was read, as `sha256sum` does; raises `CapsuleRefused` before its end."""
        if self._part.left:
            raise CapsuleRefused("The capsule is damaged: its records end before it does.")
        digest = self._part.digest.copy()
        digest.update(self._end)
        return digest.hexdigest()


@contextmanager
def reading(path: Path) -> Generator[Reading]:
    """Open a capsule; raises `CapsuleRefused` for a file that is none."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise CapsuleRefused(f"{path.name} cannot be read: {error.strerror}.") from None
    with file:
        if file.read(len(MAGIC)) != MAGIC:
            raise CapsuleRefused(f"{path.name} is not a capsule.")
        end = max(0, file.seek(0, os.SEEK_END) - len(end_after(0)))
        file.seek(end)
        if end < len(MAGIC) or file.read() != end_after(end):
            raise CapsuleRefused("The capsule is cut off, or something follows its end.")
        file.seek(len(MAGIC))
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        part = _Part(file, end - len(MAGIC))
        source: Any = part
        with decompressor.stream_reader(source, read_across_frames=True, closefd=False) as stream:
            yield Reading(stream, part, end_after(end))


def end_after(length: int) -> bytes:
    """Give the last line of a capsule of which `length` bytes come before it."""
    return f"\nEND OF CAPSULE {length:016x}\n".encode()


class _Part:
    """So many bytes of a file after its MAGIC, hashed as they are read."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self.left = length
        self.digest = hashlib.sha256(MAGIC)

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        some = self._file.read(min(size, self.left))
        self.left -= len(some)
        self.digest.update(some)
        return some


def records(stream: BinaryIO, *, most_bytes: int) -> Iterator[tuple[Kind, bytes]]:
    """Read the records in order, at most `most_bytes` in all.

    Raises `CapsuleRefused` for what is damaged, cut off, too large or out of order.
    """
    last: Kind | None = None
    total = 0
    try:
        while head := _exactly(stream, _HEAD.size, may_end=True):
            code, length = _HEAD.unpack(head)
            try:
                kind = Kind(code)
            except ValueError:
                raise CapsuleRefused(
                    "The capsule is damaged: it has a record of an unknown kind."
                ) from None
            total += _HEAD.size + length
            longest = LONGEST_RECORD if kind in (Kind.documents, Kind.removed) else LONGEST_DOCUMENT
            if length > longest or total > most_bytes:
                raise CapsuleRefused("The capsule is larger than is accepted.")
            if length < _SHORTEST:
                raise CapsuleRefused("The capsule is damaged: it has an empty record.")
            if kind not in _FOLLOWERS[last]:
                raise CapsuleRefused(f"The capsule is damaged: a {kind.name} where none belongs.")
            yield kind, _exactly(stream, length)
            last = kind
    except zstandard.ZstdError:
        raise CapsuleRefused("The capsule is damaged: it does not decompress.") from None
    if last is not Kind.signature:
        raise CapsuleRefused("The capsule is cut off.")


def _exactly(stream: BinaryIO, length: int, *, may_end: bool = False) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing:
        part = stream.read(min(missing, _READ))
        if not part:
            if may_end and missing == length:
                return b""
            raise CapsuleRefused("The capsule is cut off.")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
