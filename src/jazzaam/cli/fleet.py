"""What the operator does to many companies at once, with a progress bar."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from jazzaam.cli.operation import KEPT, Say
from jazzaam.cli.words import counted
from jazzaam.composition import Application
from jazzaam.errors import InvalidInput
from jazzaam.tenancy import schema
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.fleet import CONDITIONS, Fleet, FleetHalted, Rollout, chosen
from jazzaam.tenancy.migration import register_release
from jazzaam.tenancy.models import Tenant, TenantStatus, Tier
from jazzaam.tenancy.schema import Difference
from jazzaam.tenancy.tenancy import Outcome

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which companies: some by id, those that meet conditions `name=value`, or all.

    `ids` None are all; none at all, an empty sequence, are no company.
    """

    ids: Sequence[str] | None = None
    conditions: Sequence[str] = ()


async def migrate(
    application: Application,
    choice: Choice,
    rollout: Rollout,
    *,
    dry_run: bool,
    say: Say,
    also_current: bool = False,
    lead: bool = False,
) -> int:
    """Bring the chosen companies to the declared shape; gives how many failed.

    Those that have it, as the catalog says, are not visited, so a run that was cut off goes on where it
    ended; with `also_current` they are. With `lead` this release takes the place of one that was declared
    later. Raises `Superseded`.
    """
    deployment = application.deployment
    migrator, shape = deployment.migrator, deployment.declared.shape
    if not dry_run:
        if lead:
            now = application.control.clock.now()
            await register_release(deployment.system(), migrator.release, now, again=True)
        await migrator.require_lead()
    behind = await _chosen(application, choice, say, behind=None if also_current else shape.fingerprint)
    if dry_run:
        return await _say_what_differs(application, behind, rollout, say)
    return await _walk(application, behind, migrator.migrate, rollout, "Migrating", say)


async def drift(
    application: Application, choice: Choice, rollout: Rollout, *, run: str | None, say: Say
) -> int:
    """Compare what is there with what is declared; gives how many companies differ or failed.

    With `run`, a name, what a run of that name has compared before is left out.
    """
    return await _say_what_differs(application, await _chosen(application, choice, say), rollout, say, run)


async def _say_what_differs(
    application: Application, tenants: list[Tenant], rollout: Rollout, say: Say, run: str | None = None
) -> int:
    fleet = _fleet(application)
    if run is not None:
        tenants = await fleet.remaining(run, tenants)
    collections = application.deployment.declared.shape.collections
    wrong = 0

    async def compare(db: TenantDatabase) -> list[Difference]:
        found = await schema.differences(db.raw, collections)
        if run is not None:
            await fleet.note(run, db.tenant.id, application.control.clock.now())
        return found

    def show(outcome: Outcome[list[Difference]]) -> None:
        nonlocal wrong
        wrong += bool(outcome.result)
        for difference in outcome.result or ():
            say(f"{outcome.tenant_id}: {difference}")

    no_halt = Rollout(rollout.concurrency, canaries=0, error_budget=len(tenants))
    failed = await _walk(application, tenants, compare, no_halt, "Comparing", say, show)
    return wrong + failed


async def _walk(
    application: Application,
    tenants: list[Tenant],
    visit: Callable[[TenantDatabase], Awaitable[Result]],
    rollout: Rollout,
    doing: str,
    say: Say,
    show: Callable[[Outcome[Result]], None] = lambda _: None,
) -> int:
    """Visit each with a progress bar, and say who failed; gives how many did."""
    failed = done = 0
    began = asyncio.get_running_loop().time()
    outcomes = _fleet(application).walk(tenants, visit, rollout)
    with _progress() as progress:
        bar = progress.add_task(doing, total=len(tenants))
        try:
            async for outcome in outcomes:
                progress.advance(bar)
                done += 1
                show(outcome)
                if outcome.error is not None:
                    failed += 1
                    say(f"{outcome.tenant_id}: {type(outcome.error).__name__}: {outcome.error}"[:300])
        except FleetHalted:
            left = counted(len(tenants) - done, "company was", "companies were")
            say(f"Halted after {counted(failed, 'failure')}: {left} left alone.")
    seconds = asyncio.get_running_loop().time() - began
    of = counted(len(tenants), "company", "companies")
    say(f"{done - failed} of {of} done, {failed} failed, in {seconds:.1f} s.")
    return failed


_VALUES: Final[Mapping[str, Sequence[str]]] = {"status": list(TenantStatus), "tier": list(Tier)}


async def _chosen(
    application: Application, choice: Choice, say: Say, *, behind: str | None = None
) -> list[Tenant]:
    """List the chosen tenants, with `behind` those of another shape; say so when nobody meets a condition.

    Raises `InvalidInput` or `TenantNotFound`.
    """
    values = {**_VALUES, "cluster": application.deployment.clusters.names}
    tenancy = application.deployment.tenancy
    ids = None if choice.ids is None else [tenancy.naming.require(text) for text in choice.ids]
    for tenant_id in ids or ():
        await tenancy.catalog.tenant(tenant_id)
    conditions: dict[str, str] = {}
    for text in choice.conditions:
        name, _, value = text.partition("=")
        if name not in CONDITIONS or not value:
            raise InvalidInput(
                [], f"--where {text[:60]!r}: say one of {', '.join(CONDITIONS)}, = and a value."
            )
        known = values.get(name)
        if known is not None and value not in known:
            raise InvalidInput([], f"--where {text[:60]!r}: {name} is one of {', '.join(known)}.")
        conditions[name] = value
    statuses = () if "status" in conditions else KEPT
    found = await tenancy.catalog.tenants(*statuses, matching=chosen(ids, conditions, behind))
    if not found and conditions and not await _is_anybody(application, statuses, chosen(ids, conditions)):
        say("No company meets these conditions.")
    return found


async def _is_anybody(
    application: Application, statuses: Sequence[TenantStatus], matching: dict[str, Any]
) -> bool:
    return bool(await application.deployment.tenancy.catalog.tenants(*statuses, matching=matching))


def _fleet(application: Application) -> Fleet:
    return Fleet(application.deployment.tenancy, application.deployment.system())


class _Rate(ProgressColumn):
    """How many companies a second."""

    def render(self, task: Task) -> Text:
        """Write it out."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


def _progress() -> Progress:
    """Make a bar that goes to standard error and leaves what is printed alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
