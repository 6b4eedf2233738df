"""Computing in processes of their own: few, nice to all others, and without a way to any database."""

import os
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_process

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

_NICE: Final = 10
_OURS: Final = "JAZZAAM_"


class Computing:
    """The process pool: all processors but one, which is for those who wait for an answer."""

    def __init__(self, processes: int | None = None) -> None:
        self._limiter = CapacityLimiter(processes or max(1, (os.cpu_count() or 1) - 1))

    async def compute(self, function: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """Run a function in another process, which is ended when nobody waits for it any more."""
        return await to_process.run_sync(_apart, function, args, cancellable=True, limiter=self._limiter)


def _apart(function: Callable[[*Arguments], Result], args: tuple[*Arguments]) -> Result:
    """Be last in the queue for a processor, and know no address or secret of ours."""
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    return function(*args)
