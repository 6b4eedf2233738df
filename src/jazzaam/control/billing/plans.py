"""What each plan allows: one table. None is no limit; rates and requests at once hold for each process."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from jazzaam.tenancy.limits import LimitKind, LimitSpec


class Plan(StrEnum):
    """What a company pays for."""

    free = "free"
    starter = "starter"
    growth = "growth"
    pro = "pro"


_GB: Final = 10**9

_TABLE: Final[Mapping[str, tuple[LimitKind, str, int, tuple[int | None, ...]]]] = {
    # name: kind, unit, block, (free, starter, growth, pro)
    "requestsPerSecond": (LimitKind.rate, "requests", 1, (50, 100, 200, 500)),
    "requestsAtOnce": (LimitKind.held, "requests", 1, (20, 40, 80, 200)),
    "leads": (LimitKind.stock, "leads", 500, (1_000, 25_000, 100_000, 1_000_000)),
    "storedBytes": (LimitKind.stock, "bytes", 1_000_000, (_GB // 2, 5 * _GB, 20 * _GB, None)),
    "forms": (LimitKind.stock, "forms", 1, (10, 50, 200, 1_000)),
    "waitingSubmissions": (LimitKind.stock, "submissions that wait", 100, (10_000,) * 4),
    "members": (LimitKind.stock, "members beside an owner", 1, (0, 1, None, 3)),
    "importsAtOnce": (LimitKind.held, "imports", 1, (1, 2, 4, 8)),
    "exportsAtOnce": (LimitKind.held, "exports", 1, (1, 2, 4, 8)),
    "jobsAtOnce": (LimitKind.held, "jobs", 1, (4, 8, 16, 32)),
    "queuedJobs": (LimitKind.stock, "waiting jobs", 500, (10_000, 50_000, 100_000, 500_000)),
    "streams": (LimitKind.held, "streams", 1, (10, 50, 200, 1_000)),
    "mailsPerDay": (LimitKind.a_day, "mails", 20, (100, 1_000, 5_000, 20_000)),
    "modelSpendPerMonth": (LimitKind.a_month, "US cents for models", 100, (200, 2_000, 10_000, 50_000)),
    "crawledPagesPerDay": (LimitKind.a_day, "crawled pages", 20, (100, 1_000, 5_000, 20_000)),
}

LIMITS: Final[Mapping[str, LimitSpec]] = {
    name: LimitSpec(name, kind, what, by_plan[0], block)
    for name, (kind, what, block, by_plan) in _TABLE.items()
}
"""Every limit by its name."""

WAITING_SUBMISSIONS: Final = LIMITS["waitingSubmissions"]
QUEUED_JOBS: Final = LIMITS["queuedJobs"]
JOBS_AT_ONCE: Final = LIMITS["jobsAtOnce"]


def limits_of(plan: Plan) -> dict[str, int | None]:
    """Give a plan's row of limits."""
    column = list(Plan).index(plan)
    return {name: by_plan[column] for name, (_, _, _, by_plan) in _TABLE.items()}
