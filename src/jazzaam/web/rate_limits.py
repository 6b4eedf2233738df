"""What the web needs of whoever counts requests."""

from typing import Protocol


class RateLimits(Protocol):
    """Counts in a store that all processes share."""

    async def spend(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Count one use of `name` by `key`; raises `TooManyRequests` over `limit` in `seconds`."""
        ...

    async def refund(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Take one use back that was counted, and was none."""
        ...

    async def forget(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Begin to count anew."""
        ...

    async def slow_down(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Count one use; over `limit` in `seconds` it waits, over ten times as many it is refused.

        Raises `TooManyRequests`.
        """
        ...
