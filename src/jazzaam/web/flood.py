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
        """Count one use by each network; raises `TooManyRequests` when one is over its limit."""
        now = time.monotonic()
        window = int(now / self._seconds)
        if window != self._window:
            self._window = window
            self._counts.clear()
        for network, limit in networks.items():
            known = network in self._counts or len(self._counts) < self._most
            key = network if known else "others"
            self._counts[key] += 1
            if self._counts[key] > limit:
                wait = int((window + 1) * self._seconds - now) + 1
                raise TooManyRequests(retry_after_seconds=wait)
