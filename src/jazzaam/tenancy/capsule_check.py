"""Reading a capsule from end to end before anything is written: whether it is whole, fits, and is ours."""

import hmac
from collections.abc import Mapping, Sequence
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
    documents_in,
    reading,
    records,
)
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.schema import Shape

MOST_TIMES: Final = 200
"""How many times its own size a capsule may decompress to, and a gigabyte more."""
_AND: Final = 1_000_000_000


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


def check(path: Path, shape: Shape, keyring: Keyring) -> Checked:
    """Read a capsule from end to end; nothing is written.

    Raises `CapsuleRefused` in one line: damaged, cut off, too large, of a later release, or with a
    collection that is not declared.
    """
    with reading(path) as opened:
        most_bytes = path.stat().st_size * MOST_TIMES + _AND
        tally, header, manifest, signature = Tally(), Document(), Document(), Document()
        rows: list[tuple[str, Document]] = []
        for kind, payload in records(opened.stream, most_bytes=most_bytes):
            try:
                if kind is Kind.signature:
                    signature = decode(payload)
                    continue
                tally.count(kind, payload)
                if kind is Kind.header:
                    header = _require_readable(decode(payload), shape)
                elif kind is Kind.row:
                    row = decode(payload)
                    rows.append((str(row["collection"]), dict(row["row"])))
                elif kind is Kind.manifest:
                    manifest = decode(payload)
            except (InvalidBSON, KeyError, TypeError, ValueError):
                raise CapsuleRefused(f"The capsule is damaged: a {kind.name} cannot be read.") from None
        sha256 = opened.sha256()
    return Checked(
        path=path,
        sha256=sha256,
        most_bytes=most_bytes,
        tenant=str(header.get("tenant")),
        data_version=int(header["dataVersion"]),
        counts=_require_whole(manifest, tally, shape),
        rows=rows,
        ours=_is_ours(signature, tally, keyring),
    )


def _require_readable(header: Document, shape: Shape) -> Document:
    if int(header["format"]) > FORMAT or int(header["dataVersion"]) > shape.data_version:
        raise CapsuleRefused("The capsule was made by a later release: import it with that one.")
    return header


def _require_whole(manifest: Document, tally: Tally, shape: Shape) -> dict[str, int]:
    """Compare what the manifest says with what was read; gives each collection's count."""
    known = {spec.name for spec in shape.collections}
    unknown = sorted(tally.collections.keys() - known)
    if unknown:
        raise CapsuleRefused(
            f"The capsule holds a collection that this release does not know: {unknown[0]!r}."
        )
    said: Any = manifest.get("collections")
    try:
        read = {name: one.as_document(said[name]["count"]) for name, one in tally.collections.items()}
        if read == said:
            return {name: int(one["count"]) for name, one in read.items()}
    except (KeyError, TypeError, ValueError):
        pass
    raise CapsuleRefused("The capsule is damaged: its manifest names other data.")


def _is_ours(signature: Document, tally: Tally, keyring: Keyring) -> bool:
    """Tell whether we signed it. Raises `CapsuleRefused` when our key's signature does not hold."""
    try:
        key_id, mac = str(signature["keyId"]), bytes(signature["mac"])
    except (KeyError, TypeError):
        raise CapsuleRefused("The capsule is damaged: its signature cannot be read.") from None
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
                        decode(one)
                except InvalidBSON:
                    raise CapsuleRefused("The capsule is damaged: a document cannot be read.") from None
