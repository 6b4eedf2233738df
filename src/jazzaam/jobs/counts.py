"""What a process's jobs came to since it began, for whoever watches it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Attempts by job and outcome (`done`, `dead`, `cancelled`, `failed`), and dead letters by reason."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    letters: Counter[str] = field(default_factory=Counter[str])
