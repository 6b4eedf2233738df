"""Writing the audit log: each row is chained to the one before it."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from jazzaam.control.audit.chain import BEGINNING, code_of, digest_of, personal_part
from jazzaam.control.audit.events import Audited
from jazzaam.control.audit.repository import AuditRepository
from jazzaam.errors import Unavailable
from jazzaam.signing import Keyring
from jazzaam.tenancy.database import Document, SystemDatabase

_TRIES: Final = 60
_LONGEST_PAUSE: Final = 0.1


class ChainBusy(Unavailable):
    """Too many write the same company's audit log at once."""


class AuditTrail:
    """Appends to the chains, as a MongoDB user that can only find and insert there.

    One row has each place of a chain: of several writers at once, one has it, and the others go on behind.
    """

    def __init__(self, system: Callable[[], SystemDatabase], keyring: Keyring) -> None:
        self._system = system
        self._keyring = keyring

    async def append(
        self, company_id: ObjectId | None, job_id: ObjectId, told: Audited, at: datetime
    ) -> None:
        """Append what a job was told; safe to repeat, since a job has one row. Raises `ChainBusy`."""
        rows = AuditRepository(self._system(), company_id)
        personal = personal_part(
            {"ipAddress": told.address, "userAgent": told.agent, "values": told.values}
        )
        for _ in range(_TRIES):
            if await rows.has(job_id):
                return
            tail = await rows.tail()
            row = self._row(company_id, job_id, told, personal, at)
            row["seq"] = tail["seq"] + 1 if tail else 1
            row["code"] = code_of(self._keyring, company_id, tail["code"] if tail else BEGINNING, row)
            if await rows.add(row):
                return
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 - not a secret
        raise ChainBusy

    def _row(
        self,
        company_id: ObjectId | None,
        job_id: ObjectId,
        told: Audited,
        personal: dict[str, Any],
        at: datetime,
    ) -> Document:
        return {
            "_id": ObjectId(),
            "companyId": company_id,
            "jobId": job_id,
            "createdAt": told.at,
            "writtenAt": at,
            "action": told.action,
            "resource": told.resource,
            "resourceId": told.resource_id,
            "status": told.status,
            "fields": told.fields,
            "actor": told.actor,
            "requestId": told.request_id,
            "personal": personal,
            "personalDigest": digest_of(personal),
            "keyId": self._keyring.current_id,
        }
