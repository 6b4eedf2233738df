"""Do something to every tenant: bounded, resumable, one result each, and halted before it harms many."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final, TypeVar

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase
from jazzaam.tenancy.models import Tenant, TenantId
from jazzaam.tenancy.tenancy import Outcome, Tenancy
from jazzaam.tenancy.users import OPERATOR, ClusterUser

Result = TypeVar("Result")

FLEET_RUNS: Final = CollectionSpec(
    "fleetruns",
    indexes=(
        IndexSpec("a run's tenants", (("run", 1), ("tenantId", 1)), unique=True),
        IndexSpec("forgets", (("at", 1),), expire_after=timedelta(days=30)),
    ),
    tenant_key="tenantId",
)
"""Which tenants a named run has done: {run, tenantId, at}."""


class FleetHalted(Exception):
    """Too many companies failed; the rest was left alone."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a fleet is walked.

    At most `concurrency` tenants at once. The first `canaries` go alone, and one failure among them halts
    the walk; later it halts at more than `error_budget` failures. What has begun then still ends.
    """

    concurrency: int = 8
    canaries: int = 3
    error_budget: int = 10


class _Halt:
    """Whether no more tenants are to be begun."""

    def __init__(self) -> None:
        self.now = False

    def until(self, tenants: Iterable[Tenant]) -> Iterator[Tenant]:
        """Give tenants until it is said."""
        return takewhile(lambda _: not self.now, tenants)


class Fleet:
    """Walks tenants; `user` as in `Tenancy.administer`."""

    def __init__(self, tenancy: Tenancy, system: SystemDatabase, *, user: ClusterUser = OPERATOR) -> None:
        self._tenancy = tenancy
        self._runs = system[FLEET_RUNS]
        self._user = user

    async def walk(
        self,
        tenants: Sequence[Tenant],
        visit: Callable[[TenantDatabase], Awaitable[Result]],
        rollout: Rollout,
    ) -> AsyncGenerator[Outcome[Result]]:
        """Visit tenants and yield one outcome each, as they finish. Raises `FleetHalted` at its end."""
        failed = 0
        waves = (
            (tenants[: rollout.canaries], 0),
            (tenants[rollout.canaries :], rollout.error_budget),
        )
        for wave, budget in waves:
            halt = _Halt()
            async for outcome in self._tenancy.each(
                visit, tenants=halt.until(wave), concurrency=rollout.concurrency, user=self._user
            ):
                failed += outcome.error is not None
                halt.now = failed > budget
                yield outcome
            if halt.now:
                raise FleetHalted

    async def remaining(self, run: str, tenants: Sequence[Tenant]) -> list[Tenant]:
        """Leave out what a run of this name has done before it was cut off."""
        done = {row["tenantId"] async for row in self._runs.find({"run": run}, {"tenantId": 1})}
        return [tenant for tenant in tenants if tenant.id not in done]

    async def note(self, run: str, tenant_id: TenantId, at: datetime) -> None:
        """Write down that a run has done a tenant; safe to repeat."""
        await self._runs.update_one({"run": run, "tenantId": tenant_id}, {"$set": {"at": at}}, upsert=True)


CONDITIONS: Final = ("cluster", "status", "tier", "shape")
"""What tenants can be chosen by; `tier` is `shared` or `dedicated`, `shape` a fingerprint."""


def chosen(
    ids: Sequence[TenantId] | None, conditions: Mapping[str, str], behind: str | None = None
) -> dict[str, Any]:
    """Return the catalog's filter for these ids (None: any) that meet conditions, by their names.

    With `behind`, a fingerprint, only tenants of another shape are meant.
    """
    made: dict[str, Any] = {} if ids is None else {"_id": {"$in": list(ids)}}
    for name, value in conditions.items():
        if name == "tier":
            made["credential"] = {"$exists": value == "dedicated"}
        else:
            made["schemaFingerprint" if name == "shape" else name] = value
    if behind is not None:
        made = {"$and": [made, {"schemaFingerprint": {"$ne": behind}}]}
    return made
