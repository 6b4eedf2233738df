"""Reading a capsule from end to end before anything is written: whether it is whole, fits, and is ours."""

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bson.errors import InvalidBSON

from jazzaam.signing import BadSignature, Keyring
from jazzaam.tenancy.capsule import PURPOSE
from jazzaam.tenancy.capsule_format import (
    FORMAT,
    CapsuleRefused,
    Kind,
    Tally,
    decode,
    decode_strictly,
    documents_in,
    reading,
    records,
)
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.schema import Shape

MOST_TIMES: Final = 200
"""How many times its own size a capsule may decompress to, and 256 MB more."""
_AND: Final = 256_000_000
_MAC_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Checked:
    """A capsule that was read whole: what it holds, and whether we signed it."""

    path: Path
    sha256: str
    most_bytes: int
    tenant: str
    data_version: int
    counts: Mapping[str, int]
    rows: Sequence[tuple[str, Document]]
    ours: bool


def check(path: Path, shape: Shape, portable: Collection[str], keyring: Keyring) -> Checked:
    """Read a capsule from end to end; nothing is written. `portable` are the shared rows that are kept.

    Raises `CapsuleRefused` in one line: damaged, cut off, too large, of a later release, or with a
    collection that is not declared.
    """
    reader = _Reader({spec.name for spec in shape.collections}, portable)
    with reading(path) as opened:
        most_bytes = path.stat().st_size * MOST_TIMES + _AND
        for kind, payload in records(opened.stream, most_bytes=most_bytes):
            try:
                reader.take(kind, payload)
            except (InvalidBSON, KeyError, TypeError, ValueError):
                raise CapsuleRefused(f"The capsule is damaged: a {kind.name} cannot be read.") from None
        sha256 = opened.sha256()
    header = reader.documents[Kind.header]
    ours = _is_ours(reader.documents[Kind.signature], reader.tally, keyring)
    _require_known_release(header, shape)
    return Checked(
        path=path,
        sha256=sha256,
        most_bytes=most_bytes,
        tenant=str(header.get("tenant")),
        data_version=_number(header.get("dataVersion")) if ours else 0,
        counts=_require_whole(reader.documents[Kind.manifest], reader.tally),
        rows=list(reader.rows.items()),
        ours=ours,
    )


class _Reader:
    """Takes records in, and keeps of them what is small."""

    def __init__(self, declared: Collection[str], portable: Collection[str]) -> None:
        self.tally = Tally()
        self.documents: dict[Kind, Document] = {}
        self.rows: dict[str, Document] = {}
        self._declared = declared
        self._portable = portable
        self._copied: set[str] = set()

    def take(self, kind: Kind, payload: bytes) -> None:
        """Take one record; raises `CapsuleRefused`, or what reading something that is none raises."""
        if kind in (Kind.collection, Kind.correction):
            self._require_declared(kind, str(decode(payload)["name"]))
        if kind is not Kind.signature:
            self.tally.count(kind, payload)
        if kind is Kind.row:
            self._keep(decode(payload))
        elif kind in (Kind.header, Kind.manifest, Kind.signature):
            self.documents[kind] = decode(payload)

    def _require_declared(self, kind: Kind, name: str) -> None:
        if name not in self._declared:
            raise CapsuleRefused(
                f"The capsule holds a collection that this release does not know: {name[:60]!r}."
            )
        if kind is Kind.collection:
            if name in self._copied:
                raise CapsuleRefused(f"The capsule is damaged: {name} stands in it twice.")
            self._copied.add(name)

    def _keep(self, row: Document) -> None:
        """Keep one row of each shared collection that travels; others are nobody's."""
        name = str(row["collection"])
        if name in self.rows:
            raise CapsuleRefused(f"The capsule is damaged: it has two rows of {name[:60]!r}.")
        if name in self._portable:
            self.rows[name] = dict(row["row"])


def _number(value: object) -> int:
    """Read a whole number that is not negative; raises `CapsuleRefused`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CapsuleRefused("The capsule is damaged: a number in it is none.")
    return value


def _require_known_release(header: Document, shape: Shape) -> None:
    made_by, data_version = _number(header.get("format")), _number(header.get("dataVersion"))
    if made_by > FORMAT or data_version > shape.data_version:
        raise CapsuleRefused("The capsule was made by a later release: import it with that one.")
    if made_by != FORMAT:
        raise CapsuleRefused("The capsule is damaged: its format is none.")


def _require_whole(manifest: Document, tally: Tally) -> dict[str, int]:
    """Compare what the manifest says with what was read; gives each collection's count."""
    said: Any = manifest.get("collections")
    try:
        counts = {name: _number(said[name]["count"]) for name in tally.collections}
        if {name: one.as_document(counts[name]) for name, one in tally.collections.items()} == said:
            return counts
    except (KeyError, TypeError):
        pass
    raise CapsuleRefused("The capsule is damaged: its manifest names other data.")


def _is_ours(signature: Document, tally: Tally, keyring: Keyring) -> bool:
    """Tell whether we signed it. Raises `CapsuleRefused` when our key's signature does not hold."""
    key_id, mac = signature.get("keyId"), signature.get("mac")
    if not isinstance(key_id, str) or not isinstance(mac, bytes) or len(mac) != _MAC_BYTES:
        raise CapsuleRefused("The capsule is damaged: its signature cannot be read.")
    try:
        key = keyring.key(PURPOSE, key_id)
    except BadSignature:
        return False
    if not hmac.compare_digest(mac, hmac.digest(key, tally.whole.digest(), "sha256")):
        raise CapsuleRefused("The capsule was changed: its signature does not hold.")
    return True


def require_decodable(checked: Checked) -> None:
    """Decode every document of a stranger's capsule; raises `CapsuleRefused`."""
    with reading(checked.path) as opened:
        for kind, payload in records(opened.stream, most_bytes=checked.most_bytes):
            if kind in (Kind.documents, Kind.removed):
                try:
                    for one in documents_in(payload):
                        decode_strictly(one)
                except InvalidBSON:
                    raise CapsuleRefused("The capsule is damaged: a document cannot be read.") from None
