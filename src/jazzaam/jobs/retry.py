"""When a failed job is tried again: pure, so that it can be read and tested as a table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` runs; pauses double from `first` up to `longest`."""

    attempts: int = 5
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=10)


def pause_after(policy: RetryPolicy, attempt: int, chance: Callable[[], float]) -> timedelta | None:
    """Give the pause after failed attempt number `attempt` (from 1), or None to give up.

    Half of the pause is fixed and half is drawn by `chance` (0 to 1), so that jobs that failed together
    do not come back together.
    """
    if attempt >= policy.attempts:
        return None
    full = min(policy.longest, policy.first * 2 ** min(attempt - 1, 30))
    return full / 2 + full / 2 * chance()
