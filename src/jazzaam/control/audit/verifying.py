"""Whether a company's chain still is as it was written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from bson import ObjectId

from jazzaam.control.audit.chain import BEGINNING, code_of, digest_of, is_in_ranges
from jazzaam.control.audit.heads import Head
from jazzaam.control.audit.models import Resource
from jazzaam.control.audit.repository import AuditRepository
from jazzaam.signing import BadSignature, Keyring
from jazzaam.tenancy.database import Document, SystemDatabase

_MOST: Final = 100


class Finding(StrEnum):
    """What is wrong at a place of a chain."""

    changed = "was changed, or stands in another place than it was written to"
    missing = "is missing"
    cut_off = "was told outside MongoDB, and is gone or another"
    emptied = "has lost what tells of a person, and no entry says that one was erased"


class Found(NamedTuple):
    """A finding, and the place it is about: the first row is 1."""

    seq: int
    finding: Finding


@dataclass(slots=True)
class Report:
    """What a chain's verification came to: `erased` counts rows whose personal part is gone."""

    rows: int = 0
    erased: int = 0
    findings: list[Found] = field(default_factory=list[Found])

    def note(self, seq: int, finding: Finding) -> None:
        """Keep a finding, at most a hundred."""
        if len(self.findings) < _MOST:
            self.findings.append(Found(seq, finding))


async def verify_chain(
    db: SystemDatabase, keyring: Keyring, company_id: ObjectId | None, heads: Sequence[Head]
) -> Report:
    """Read a whole chain, and compare it with the codes it carries and with the heads that were told."""
    report, before, seq = Report(), BEGINNING, 0
    emptied: list[int] = []
    announced: list[str] = []
    told = {head.seq: head.code for head in heads}
    async for row in AuditRepository(db, company_id).chain():
        report.rows += 1
        for missing in range(seq + 1, min(int(row["seq"]), seq + _MOST)):
            report.note(missing, Finding.missing)
        seq = int(row["seq"])
        if not _holds(keyring, company_id, before, row):
            report.note(seq, Finding.changed)
        elif row["resource"] == Resource.person:
            announced += row["fields"]
        if "personal" not in row:
            emptied.append(seq)
        before = bytes(row["code"])
        if told.pop(seq, before.hex()) != before.hex():
            report.note(seq, Finding.cut_off)
    for gone in sorted(told):
        report.note(gone, Finding.cut_off)
    for place in emptied:
        if is_in_ranges(place, announced):
            report.erased += 1
        else:
            report.note(place, Finding.emptied)
    return report


def _holds(keyring: Keyring, company_id: ObjectId | None, before: bytes, row: Document) -> bool:
    try:
        right = code_of(keyring, company_id, before, row) == row["code"]
    except (BadSignature, KeyError):
        return False
    return right and ("personal" not in row or digest_of(row["personal"]) == row["personalDigest"])
