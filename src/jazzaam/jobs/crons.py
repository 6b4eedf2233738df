"""Jobs that come again and again: each fire is a row, and the one that ends writes the next.

So a fire waits in the database it works on like any other job: no relay decides about it, a crash loses
none, and one that was missed while nothing ran comes once, late. A fire's row has an id of its job and
company and time, so it is there once, however many write it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from jazzaam.jobs import outbox
from jazzaam.jobs.outbox import Database
from jazzaam.jobs.registry import Fired, Registry
from jazzaam.jobs.schedule import Beat, Cron, delay_of, is_zone, next_fire
from jazzaam.tenancy.database import Document, TenantDatabase

_LONGEST_PERIOD: Final = timedelta(days=5 * 366)
_TENANTS: Final = (Beat.company, Beat.fleet)


class Crons:
    """The schedules of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def fingerprint(self) -> str:
        """Give 16 hex digits that change when a schedule of tenants does."""
        declared = sorted((name, repr(cron)) for name, cron in self._registry.crons(*_TENANTS).items())
        return hashlib.sha256(repr(declared).encode()).hexdigest()[:16]

    def following(self, db: Database, name: str, cron: Mapping[str, Any], at: datetime) -> Document | None:
        """Make the row after a fire that ended at `at`.

        None for a job that is declared no more, and for a row that we did not write.
        """
        known, before, zone = self._registry.find(name), cron.get("fireAt"), cron.get("zone")
        if known is None or known.cron is None or not isinstance(before, datetime) or not is_zone(zone):
            return None
        fire_at = next_fire(known.cron, min(max(at, before), at + _LONGEST_PERIOD), zone)
        return self._row(db, name, known.cron, fire_at, zone, at)

    async def plan(self, db: Database, zone: str, at: datetime) -> None:
        """Have every schedule of a database wait for its next fire, by the clocks of `zone`.

        In the running change; safe to repeat. What is due or running already stays as it is, and the fire
        after it follows the new clocks.
        """
        beats = _TENANTS if isinstance(db, TenantDatabase) else (Beat.control,)
        missing = self._registry.crons(*beats)
        for row in await outbox.scheduled(db):
            declared = missing.get(row["name"])
            if declared is not None and _follows(row["cron"], declared, zone):
                del missing[row["name"]]
            elif row["attempt"] == 0 and (declared is None or row["dueAt"] > at):
                await outbox.unschedule(db, row["_id"])
            elif declared is not None:
                await outbox.move_zone(db, row["_id"], _zone(declared, zone))
                del missing[row["name"]]
        for name, cron in missing.items():
            clocks = _zone(cron, zone)
            await outbox.enqueue_once(
                db, self._row(db, name, cron, next_fire(cron, at, clocks), clocks, at)
            )

    def _row(
        self, db: Database, name: str, cron: Cron, fire_at: datetime, zone: str, at: datetime
    ) -> Document:
        tenant_id = db.tenant.id if isinstance(db, TenantDatabase) else None
        known: Any = self._registry.find(name)
        return {
            **outbox.row_of(known, Fired(fire_at), at, fire_at + delay_of(cron, name, tenant_id)),
            "_id": _id_of(name, tenant_id, fire_at),
            "cron": {"fireAt": fire_at, "zone": zone, "expression": cron.expression},
        }


def _follows(planned: Document, declared: Cron, zone: str) -> bool:
    return (planned["expression"], planned["zone"]) == (declared.expression, _zone(declared, zone))


def _zone(cron: Cron, zone: str) -> str:
    """Say by whose clocks a schedule fires; one that there is not must not cost a company its jobs."""
    return zone if cron.beat is Beat.company and is_zone(zone) else "UTC"


def _id_of(name: str, tenant_id: str | None, fire_at: datetime) -> ObjectId:
    what = f"{name} {tenant_id} {fire_at:%Y-%m-%dT%H:%M:%S}Z"
    return ObjectId(hashlib.sha256(what.encode()).digest()[:12])
