"""A member at work in their company's database: the first argument of every rule."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from jazzaam.clock import Clock
from jazzaam.control.billing.plans import LIMITS
from jazzaam.control.memberships.models import Member
from jazzaam.crm.records import (
    RequestKey,
    RequestRepeated,
    RequestRepository,
    write_activities,
)
from jazzaam.events import Event
from jazzaam.jobs.publishing import Publishing
from jazzaam.jobs.registry import Registry
from jazzaam.pagination import Cursors
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.limits import Limits, LimitSpec
from jazzaam.tenancy.models import Tenant

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkspaceServices:
    """What every workspace works with; made once by the composition root.

    `on_leads` are the collections whose documents hang on a lead.
    """

    clock: Clock
    registry: Registry
    cursors: Cursors
    catalog: Catalog
    limits: Limits
    on_leads: Sequence[CollectionSpec]
    forms_url: str


class Reservation:
    """What a change has reserved of its company's limits."""

    def __init__(self, limits: Limits, tenant: Tenant) -> None:
        self._limits = limits
        self._tenant = tenant
        self._taken: list[tuple[LimitSpec, int]] = []

    async def take(self, spec: LimitSpec, count: int) -> None:
        """Reserve more; raises `LimitReached`."""
        await self._limits.reserve(self._tenant, spec, count)
        self._taken.append((spec, count))

    def give_back(self) -> None:
        """Say that it was not used; safe to repeat."""
        while self._taken:
            self._limits.give_back(self._tenant, *self._taken.pop())


class Workspace(Publishing[TenantDatabase, Event]):
    """One tenant's database, and who is at work in it.

    A door makes one; see `crm.dependencies`. `request` names a request that may come twice.
    """

    def __init__(
        self,
        db: TenantDatabase,
        member: Member,
        services: WorkspaceServices,
        request: RequestKey | None = None,
    ) -> None:
        super().__init__(db, services.registry, services.clock)
        self.member = member
        self.services = services
        self._request = request

    async def change(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work` as one unit: its writes, its events' history and jobs, or nothing.

        `work` has no effect outside MongoDB, since it runs again after a conflict. For a request with
        an Idempotency-Key its result (a BSON value) is kept, and is given again, without running
        `work`, when the request comes again.
        """
        if self._request is None:
            return await super().change(work)
        repository = RequestRepository(self.db)
        known = await repository.find(self._request)
        if known is None:
            try:
                return await super().change(work)
            except RequestRepeated:
                known = await repository.find(self._request)
        assert known is not None  # noqa: S101 - kept for a day, and it was there
        result: Any = known.result
        return result

    @asynccontextmanager
    async def reserving(self, counts: Mapping[str, int]) -> AsyncGenerator[Reservation]:
        """Reserve what a change will use, by the limit's name, before it begins.

        It is given back when the block raises, or when the block says so. Raises `LimitReached`.
        """
        reservation = Reservation(self.services.limits, self.db.tenant)
        try:
            for name, count in counts.items():
                await reservation.take(LIMITS[name], count)
            yield reservation
        except BaseException:
            reservation.give_back()
            raise

    async def _write_last(self, events: Sequence[Event], result: object) -> None:
        await write_activities(self.db, events, self.member.actor, self.clock.now())
        if self._request is not None:
            await RequestRepository(self.db).remember(self._request, result, self.clock.now())
        await super()._write_last(events, result)
