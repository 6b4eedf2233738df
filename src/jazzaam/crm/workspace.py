"""A member at work in their company's database: the first argument of every rule."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bson import ObjectId

from jazzaam.clock import Clock
from jazzaam.control.audit.events import Audited, audited
from jazzaam.control.audit.models import Action, Origin, Resource
from jazzaam.control.audit.trail import AuditTrail
from jazzaam.control.billing.plans import LIMITS, QUEUED_JOBS
from jazzaam.control.memberships.models import Actor, ActorKind, Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.requests import Repeatable, RequestKey
from jazzaam.crm.records import write_activities
from jazzaam.events import Event
from jazzaam.integrations.files import FileStore
from jazzaam.jobs.registry import Registry
from jazzaam.pagination import Cursors
from jazzaam.signing import Keyring
from jazzaam.tenancy.capsule import Exported
from jazzaam.tenancy.catalog import Catalog
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.database import Document, TenantDatabase
from jazzaam.tenancy.limits import Limits, Reservation
from jazzaam.tenancy.models import TenantId

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkspaceServices:
    """What every workspace works with; made once by the composition root.

    `on_leads` are the collections whose documents hang on a lead. `export_capsule` writes one of a company;
    `confirm` asks again whether it may be entered, `permissions_now` says what somebody may do there now,
    `seats_in_use` how many seats are taken, `is_active_member` whether an account works there.
    `drawing` draws one picture at a time: each may take some hundred megabytes.
    """

    clock: Clock
    registry: Registry
    cursors: Cursors
    catalog: Catalog
    limits: Limits
    on_leads: Sequence[CollectionSpec]
    trail: AuditTrail
    files: FileStore
    export_capsule: Callable[[TenantDatabase, Path], Awaitable[Exported]]
    confirm: Callable[[TenantDatabase], Awaitable[None]]
    permissions_now: Callable[[Actor, TenantId], Awaitable[frozenset[Permission]]]
    seats_in_use: Callable[[TenantId], Awaitable[int]]
    is_active_member: Callable[[TenantId, ObjectId], Awaitable[bool]]
    drawing: Executor
    keyring: Keyring
    public_url: str
    forms_url: str


class _JobsUnreserved(Exception):
    """A change asks for more jobs than are reserved."""


@dataclass(slots=True)
class _Jobs:
    """The jobs of a change: how many are reserved of the company's limit, and how many it wrote."""

    reserved: int = 0
    written: int = 0


class Workspace(Repeatable[TenantDatabase, Event]):
    """One tenant's database, and who is at work in it.

    A door makes one; see `crm.dependencies`. `request` names a request that may come twice, `origin_of`
    says where it came from; it is asked when that is told.
    """

    def __init__(
        self,
        db: TenantDatabase,
        member: Member,
        services: WorkspaceServices,
        request: RequestKey | None = None,
        origin_of: Callable[[], Origin] = Origin,
    ) -> None:
        super().__init__(db, services.registry, services.clock, request)
        self.member = member
        self.services = services
        self.origin_of = origin_of
        self._jobs = _Jobs()

    async def change(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work` as one unit: its writes, its events' history and jobs, or nothing.

        `work` has no effect outside MongoDB, since it runs again after a conflict. For a request with
        an Idempotency-Key its result (a BSON value) is kept, and is given again, without running
        `work`, when the request comes again. Its jobs count to the company's limit: a member who would
        pass it gets `LimitReached`; a visitor, a job and the operator are not refused.
        """
        self._jobs = jobs = _Jobs()

        async def counted() -> Result:
            jobs.written = 0
            return await work()

        never_refused = self.member.actor.kind not in (ActorKind.account, ActorKind.api_key)
        try:
            while True:
                try:
                    return await super().change(counted)
                except _JobsUnreserved:
                    missing = jobs.written - jobs.reserved
                    await self.services.limits.reserve(
                        self.db.tenant, QUEUED_JOBS, missing, anyway=never_refused
                    )
                    jobs.reserved = jobs.written
        except BaseException:
            jobs.written = 0
            raise
        finally:
            self._give_back_jobs(jobs)

    def for_several_changes(self) -> "Workspace":
        """Give the same workspace for a rule that makes several changes, each safe to repeat by itself."""
        return Workspace(self.db, self.member, self.services, origin_of=self.origin_of)

    def audit(
        self,
        action: Action,
        resource: Resource,
        resource_id: object,
        *,
        fields: Iterable[str] = (),
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Have the running change told to the company's audit log.

        `fields` names what was changed; `values` holds nothing of a lead and no secret. Raises
        `PublishedOutsideChange`.
        """
        told = audited(
            action,
            resource,
            resource_id,
            by=self.member.actor,
            origin=self.origin_of(),
            at=self.clock.now(),
            fields=fields,
            values=values,
        )
        self.publish(Audited(**told))

    @asynccontextmanager
    async def reserving(self, counts: Mapping[str, int]) -> AsyncGenerator[Reservation]:
        """Reserve what a change will use, by the limit's name, before it begins.

        It is given back when the block raises, or when the block says so; a request that was answered
        before uses nothing. Raises `LimitReached`.
        """
        async with self.services.limits.reserving(self.db.tenant) as reservation:
            if await self.known() is None:
                for name, count in counts.items():
                    await reservation.take(LIMITS[name], count)
            yield reservation

    async def _write_last(self, events: Sequence[Event], jobs: Sequence[Document]) -> None:
        self._reserve_jobs(len(jobs))
        await write_activities(self.db, events, self.member.actor, self.clock.now())
        await super()._write_last(events, jobs)

    def _reserve_jobs(self, count: int) -> None:
        """Reserve a change's jobs from what is at hand; else the change is made anew, when they are."""
        jobs, limits = self._jobs, self.services.limits
        jobs.written = count
        missing = count - jobs.reserved
        if missing > 0:
            if not limits.reserve_at_hand(self.db.tenant, QUEUED_JOBS, missing):
                raise _JobsUnreserved
            jobs.reserved = count

    def _give_back_jobs(self, jobs: _Jobs) -> None:
        if jobs.reserved > jobs.written:
            self.services.limits.give_back(self.db.tenant, QUEUED_JOBS, jobs.reserved - jobs.written)
