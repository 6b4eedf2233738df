"""A tenant's requests: how many a second, and how many at once. Each process counts for itself."""

import asyncio
import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from jazzaam.errors import TooManyRequests
from jazzaam.tenancy.limits import LimitSpec, allowed_to
from jazzaam.tenancy.models import Tenant, TenantId

_BURST_SECONDS: Final = 2.0


class CompanyTooBusy(TooManyRequests):
    """Your company asks for more at once than its plan allows; slow down."""

    def __init__(self, spec: LimitSpec | None = None, allowed: int = 0) -> None:
        super().__init__()
        if spec is not None:
            self.members = {"limit": spec.name, "allowed": str(allowed)}


@dataclass(slots=True)
class _Count:
    """One tenant's requests in this process."""

    tokens: float
    at: float
    running: int = 0


class Traffic:
    """Lets requests in; `rate` and `at_once` are the limits.

    Who is refused hears of it after about `pause`. `size` tenants are remembered, and all that are at work.
    `monotonic` is the clock of rates, in seconds.
    """

    def __init__(
        self,
        *,
        rate: LimitSpec,
        at_once: LimitSpec,
        pause: timedelta = timedelta(),
        size: int = 20_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._at_once = at_once
        self._pause = pause.total_seconds()
        self._size = size
        self._now = monotonic
        self._counts: OrderedDict[TenantId, _Count] = OrderedDict()

    async def admit(self, tenant: Tenant) -> Callable[[], None]:
        """Do as `enter`; who is refused hears of it after a pause.

        A client that asks again at once, whatever it is told, then costs no more than it has connections.
        """
        try:
            return self.enter(tenant)
        except CompanyTooBusy:
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.5))  # noqa: S311 - or they come back together
            raise

    def enter(self, tenant: Tenant) -> Callable[[], None]:
        """Let a request of a tenant in; gives what is to be called when it is over.

        Raises `CompanyTooBusy` over the rate (with a burst of two seconds) or over the requests at once.
        """
        count, rate, at_once = self._count_of(tenant), self._rate, self._at_once
        most = allowed_to(tenant, at_once)
        if most is not None and count.running >= most:
            raise CompanyTooBusy(at_once, most)
        a_second = allowed_to(tenant, rate)
        if a_second is not None:
            now = self._now()
            full = a_second * _BURST_SECONDS
            count.tokens = min(full, count.tokens + (now - count.at) * a_second)
            count.at = now
            if count.tokens < 1:
                raise CompanyTooBusy(rate, a_second)
            count.tokens -= 1
        return _begin(count)

    def _count_of(self, tenant: Tenant) -> _Count:
        count = self._counts.get(tenant.id)
        if count is None:
            count = self._counts[tenant.id] = _Count(math.inf, self._now())
            if len(self._counts) > self._size:
                self._forget_somebody_quiet()
        else:
            self._counts.move_to_end(tenant.id)
        return count

    def _forget_somebody_quiet(self) -> None:
        for tenant_id, count in self._counts.items():
            if not count.running:
                del self._counts[tenant_id]
                return


def _begin(count: _Count) -> Callable[[], None]:
    count.running += 1

    def leave() -> None:
        count.running -= 1

    return leave
