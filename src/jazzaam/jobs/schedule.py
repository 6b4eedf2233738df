"""When something that happens again and again happens next: pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeGuard
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

_MOST_STEPS = 400
"""More than the fires that a clock set back can bring twice."""


class Beat(StrEnum):
    """Whose clock a schedule follows.

    `company`: each company's own, to the minute. `fleet`: each company, in UTC, spread over some hours so
    that not all are worked on at once. `control`: once for the whole installation, in UTC.
    """

    company = "company"
    fleet = "fleet"
    control = "control"


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule as in crontab(5): minute, hour, day, month, weekday; with six fields, seconds first.

    A time that a clock set forward leaves out comes at the moment it is set; one that comes twice because
    the clock was set back comes the first time. Raises `ValueError` for what is no schedule.
    """

    expression: str
    beat: Beat
    spread: timedelta = timedelta()

    def __post_init__(self) -> None:
        """Check it at once, not when it is first due."""
        try:
            CronSim(self.expression, datetime(2026, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(f"{self.expression!r} is no schedule: {error}") from None
        if self.spread and self.beat is not Beat.fleet:
            raise ValueError("only what is fleet-wide is spread")


def next_fire(cron: Cron, after: datetime, zone: str = "UTC") -> datetime:
    """Give the first fire after a moment (both aware, UTC), by the clocks of an IANA zone.

    An unknown zone counts as UTC: a company whose setting is wrong must not miss its jobs.
    """
    return next(
        at
        for at in _fires(cron.expression, after, ZoneInfo(zone if is_zone(zone) else "UTC"))
        if at > after
    )


def delay_of(cron: Cron, job: str, tenant_id: str | None) -> timedelta:
    """Give how long after its fire a tenant's turn comes: always the same."""
    whole = int(cron.spread.total_seconds())
    if not whole:
        return timedelta()
    drawn = hashlib.sha256(f"{job} {tenant_id}".encode()).digest()[:8]
    return timedelta(seconds=int.from_bytes(drawn) % whole)


def is_zone(name: object) -> TypeGuard[str]:
    """Tell whether something is the name of an IANA zone."""
    return isinstance(name, str) and name in _zones()


_NO_PLACES: Final = {"Factory", "localtime", "posixrules"}
"""Files beside the zones that are none: a placeholder, and whatever the machine is set to."""


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_PLACES


def _fires(expression: str, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """List fires from about a moment on; some may come before it, where the clock was set back."""
    local = after.astimezone(zone)
    plain = UTC if zone.key == "UTC" else zone
    fires = CronSim(expression, local.replace(tzinfo=plain, microsecond=0))
    for _ in range(_MOST_STEPS):
        yield next(fires).astimezone(UTC)
    raise AssertionError("a clock is never set back by so much")
