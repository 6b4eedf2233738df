"""`jazzaam tenants`: companies and their databases, for the operator."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jazzaam.cli.settings import settings_of
from jazzaam.control.billing.plans import Plan
from jazzaam.errors import InvalidInput

app = typer.Typer(help="Companies and their databases.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The company's id, 24 hex digits.")]
Grace = Annotated[
    float, typer.Option(help="Seconds the old MongoDB user stays, for work that was begun with it.")
]

File = Annotated[Path, typer.Argument(metavar="FILE", help="The capsule.")]
Tenants = Annotated[
    str | None, typer.Option(metavar="ID,ID…", help="These companies alone; `@FILE`: an id a line.")
]
Where = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="cluster, status, tier or shape; repeatable.")
]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Companies at once.")]


class TierName(StrEnum):
    """The two tiers."""

    shared = "shared"
    dedicated = "dedicated"


@app.command("list")
def list_() -> None:
    """List every company: id, state, tier, cluster and name."""
    from jazzaam.cli import operation

    operation.operate(settings_of(), lambda application: operation.list_tenants(application, print))


@app.command()
def set_tier(
    tenant_id: Id,
    tier: Annotated[
        TierName, typer.Argument(metavar="TIER", help="Who enforces isolation: shared or dedicated.")
    ],
    grace: Grace = 60,
) -> None:
    """Give a company a MongoDB user of its own (dedicated), or take it away (shared)."""
    from jazzaam.cli import operation
    from jazzaam.tenancy.models import Tier

    operation.operate(
        settings_of(),
        lambda application: operation.set_tier(
            application, tenant_id, Tier(tier), timedelta(seconds=grace), print
        ),
    )


@app.command()
def rotate_credentials(tenant_id: Id, grace: Grace = 60) -> None:
    """Give a dedicated company a new MongoDB user and password."""
    from jazzaam.cli import operation

    operation.operate(
        settings_of(),
        lambda application: operation.rotate_credentials(
            application, tenant_id, timedelta(seconds=grace), print
        ),
    )


@app.command()
def suspend(tenant_id: Id) -> None:
    """Close a company: within a second nobody gets in, and its jobs wait."""
    from jazzaam.cli import operation

    operation.operate(settings_of(), lambda application: operation.suspend(application, tenant_id, print))


@app.command()
def resume(tenant_id: Id) -> None:
    """Open a suspended company again."""
    from jazzaam.cli import operation

    operation.operate(settings_of(), lambda application: operation.resume(application, tenant_id, print))


@app.command()
def delete(
    tenant_id: Id,
    grace_days: Annotated[
        float | None, typer.Option(min=0, help="Days until it is erased; 0 erases it now.")
    ] = None,
) -> None:
    """Suspend a company, and erase it when its grace period is over."""
    from jazzaam.cli import operation

    settings = settings_of()
    grace = timedelta(days=settings.grace_days if grace_days is None else grace_days)
    operation.operate(settings, lambda application: operation.delete(application, tenant_id, grace, print))


@app.command()
def receipt(tenant_id: Id) -> None:
    """Say what was removed of an erased company."""
    from jazzaam.cli import operation

    operation.operate(settings_of(), lambda application: operation.receipt(application, tenant_id, print))


@app.command()
def pool() -> None:
    """Show the open clients of dedicated companies, of every running process."""
    from jazzaam.cli import operation

    operation.operate(settings_of(), lambda application: operation.pool(application, print))


@app.command()
def repair(
    stale_minutes: Annotated[
        float, typer.Option(min=0, help="What was begun this long ago is taken for the rest of a crash.")
    ] = 10,
    drop_returned: Annotated[
        bool,
        typer.Option(help="Drop databases of erased companies that came back."),
    ] = False,
) -> None:
    """Finish or undo what crashes left, and report databases that no company has."""
    from jazzaam.cli import operation

    operation.operate(
        settings_of(),
        lambda application: operation.repair(
            application, timedelta(minutes=stale_minutes), drop_returned=drop_returned, say=print
        ),
    )


@app.command()
def migrate(
    tenants: Tenants = None,
    where: Where = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would be changed, and change nothing.")] = False,
    concurrency: Concurrency = 8,
    canaries: Annotated[
        int, typer.Option(min=0, help="Companies that go first; one failure among them halts it.")
    ] = 3,
    max_errors: Annotated[int, typer.Option(min=0, help="Failures after which it halts.")] = 10,
    all_: Annotated[
        bool, typer.Option("--all", help="Look at companies that count as up to date too: after a drift.")
    ] = False,
    lead: Annotated[
        bool, typer.Option(help="Although a later release has been here: after a rollback to this one.")
    ] = False,
) -> None:
    """Bring companies that are behind to this release's collections, indexes, validators and data."""
    from jazzaam.cli import fleet, operation
    from jazzaam.tenancy.fleet import Rollout

    choice, rollout = fleet.Choice(_ids(tenants), where or ()), Rollout(concurrency, canaries, max_errors)
    _fail_if(
        operation.operate(
            settings_of(),
            lambda application: fleet.migrate(
                application, choice, rollout, dry_run=dry_run, also_current=all_, lead=lead, say=print
            ),
            every_cluster=True,
            declare=not dry_run,
        )
    )


@app.command()
def drift(
    tenants: Tenants = None,
    where: Where = None,
    concurrency: Concurrency = 8,
    run: Annotated[
        str | None,
        typer.Option(help="A name for this run: begun again with it, it goes on where it ended."),
    ] = None,
) -> None:
    """Compare real collections, indexes and validators with the declared; exit status 1 if any differ."""
    from jazzaam.cli import fleet, operation
    from jazzaam.tenancy.fleet import Rollout

    choice, rollout = fleet.Choice(_ids(tenants), where or ()), Rollout(concurrency)
    _fail_if(
        operation.operate(
            settings_of(),
            lambda application: fleet.drift(application, choice, rollout, run=run, say=print),
            every_cluster=True,
        )
    )


@app.command("export")
def export_(tenant_id: Id, file: File) -> None:
    """Write everything of a company to one compressed, signed file: its capsule."""
    from jazzaam.cli import capsules, operation

    operation.operate(
        settings_of(), lambda application: capsules.export_tenant(application, tenant_id, file, print)
    )


@app.command("import")
def import_(
    file: File,
    as_: Annotated[str | None, typer.Option("--as", metavar="NEWID", help="Under another id.")] = None,
    accept_foreign: Annotated[
        str | None,
        typer.Option(metavar="SHA256", help="Take another installation's capsule, by its file's hash."),
    ] = None,
    plan: Annotated[
        Plan | None,
        typer.Option(
            metavar="PLAN",
            help="What it pays for: free, starter, growth or pro. Default: as before, in a capsule of this "
            "installation; else free.",
        ),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="The account that is to own the company.")
    ] = None,
    no_owner: Annotated[
        bool, typer.Option("--no-owner", help="Its team is there already, or nobody is to work in it.")
    ] = False,
) -> None:
    """Make a company of a capsule."""
    from jazzaam.cli import capsules, operation

    if (owner is None) != no_owner:
        raise InvalidInput([], "Say whose the company is to be: --owner EMAIL, or --no-owner.")
    operation.operate(
        settings_of(),
        lambda application: capsules.import_tenant(
            application, file, as_id=as_, accept_foreign=accept_foreign, plan=plan, owner=owner, say=print
        ),
    )


def _ids(text: str | None) -> list[str] | None:
    """Read ids between commas, or one a line from `@FILE`; None, for all, only where nothing was given.

    Raises `InvalidInput`, also for a choice that names nobody: it is never taken for everybody.
    """
    if text is None:
        return None
    if not text.startswith("@"):
        ids = [part for part in text.split(",") if part]
    else:
        try:
            ids = Path(text[1:]).read_text().split()
        except (OSError, UnicodeDecodeError) as error:
            failed = type(error).__name__
            raise InvalidInput([], f"--tenants: {text[1:]} cannot be read ({failed}).") from None
    if not ids:
        raise InvalidInput([], f"--tenants {text!r} names no company; leave the option out to mean all.")
    return ids


def _fail_if(failed: int) -> None:
    if failed:
        raise typer.Exit(1)
