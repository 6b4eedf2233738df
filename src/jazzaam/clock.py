"""The time, asked for in one place so that a test can say what it is."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Give the time: aware, UTC, whole milliseconds, as BSON keeps it."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the time: aware, UTC, whole milliseconds, as BSON keeps it."""
        return whole_milliseconds(datetime.now(UTC))


def whole_milliseconds(moment: datetime) -> datetime:
    """Cut to what BSON can store, so that a value reads back as it was written."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
