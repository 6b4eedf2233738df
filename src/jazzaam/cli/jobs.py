"""`jazzaam jobs`: what happens later, for the operator."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

from enum import StrEnum
from typing import Annotated

import typer

from jazzaam.cli.settings import settings_of

app = typer.Typer(help="What happens later: jobs, their schedules, dead letters.", no_args_is_help=True)

Where = Annotated[
    str,
    typer.Argument(metavar="COMPANY", help="The company's id; `system` for the installation's own jobs."),
]
Job = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as `jazzaam jobs list` shows.")]


class StateName(StrEnum):
    """The states of a job."""

    queued = "queued"
    running = "running"
    done = "done"
    dead = "dead"
    cancelled = "cancelled"


@app.command("list")
def list_(
    company: Annotated[
        str | None, typer.Option(metavar="ID", help="This company alone; `system`: the installation's own.")
    ] = None,
    state: Annotated[
        list[StateName] | None,
        typer.Option(help="In this state; repeatable. Default: queued, running, dead."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of this name alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Jobs of each company at most.")] = 20,
) -> None:
    """List jobs: where, id, state, when due or ended (UTC), how often begun, name, progress, last error."""
    from jazzaam.cli import job_operation, operation
    from jazzaam.jobs.models import JobState

    states = [JobState(one) for one in state or (StateName.queued, StateName.running, StateName.dead)]
    operation.operate(
        settings_of(),
        lambda application: job_operation.list_jobs(application, company, states, name, limit, print),
    )


@app.command()
def show(company: Where, job: Job) -> None:
    """Show one job: everything but its arguments."""
    from jazzaam.cli import job_operation, operation

    operation.operate(
        settings_of(), lambda application: job_operation.show(application, company, job, print)
    )


@app.command()
def retry(company: Where, job: Job) -> None:
    """Have a dead or cancelled job tried again, with all its tries."""
    from jazzaam.cli import job_operation, operation

    operation.operate(
        settings_of(), lambda application: job_operation.retry(application, company, job, print)
    )


@app.command()
def cancel(company: Where, job: Job) -> None:
    """Cancel a job that waits, and ask one that runs to stop."""
    from jazzaam.cli import job_operation, operation

    operation.operate(
        settings_of(), lambda application: job_operation.cancel(application, company, job, print)
    )


@app.command()
def crons(
    company: Annotated[
        str | None, typer.Argument(metavar="[COMPANY]", help="When they fire for this company.")
    ] = None,
) -> None:
    """List every schedule, whose clocks it follows, and when it fires next."""
    from jazzaam.cli import job_operation, operation

    operation.operate(settings_of(), lambda application: job_operation.crons(application, company, print))


@app.command()
def letters(limit: Annotated[int, typer.Option(min=1, help="Letters at most.")] = 50) -> None:
    """List messages that led to nothing: forged, repeated, or about what is not there."""
    from jazzaam.cli import job_operation, operation

    operation.operate(settings_of(), lambda application: job_operation.letters(application, limit, print))


@app.command()
def workers() -> None:
    """List the processes that run jobs, how many at once, and who relays each cluster's."""
    from jazzaam.cli import job_operation, operation

    operation.operate(settings_of(), lambda application: job_operation.workers(application, print))
