"""How much one network may send in a minute, counted in this process alone: no store, no waiting."""

import time
from collections import Counter
from collections.abc import Mapping

from jazzaam.errors import TooManyRequests


class NetworkLimits:
    """Counts uses by network in windows of `seconds`; the counts of a window go with it.

    At most `most_networks` are counted one by one, about 200 bytes each; all others share one count.
    """

    def __init__(self, *, seconds: int = 60, most_networks: int = 100_000) -> None:
        self._seconds = seconds
        self._most = most_networks
        self._window = 0
        self._counts: Counter[str] = Counter()

    def spend(self, networks: Mapping[str, int]) -> None:
        """Count one use by each network; raises `TooManyRequests` when one has reached its limit.

        Nothing is counted then: who is refused takes no place among the networks that are counted.
        """
        now = time.monotonic()
        window = int(now / self._seconds)
        if window != self._window:
            self._window = window
            self._counts.clear()
        full = len(self._counts) >= self._most
        keys = {
            "others" if full and one not in self._counts else one: most for one, most in networks.items()
        }
        if any(self._counts[key] >= limit for key, limit in keys.items()):
            raise TooManyRequests(retry_after_seconds=int((window + 1) * self._seconds - now) + 1)
        self._counts.update(keys.keys())
