"""The command line.

Each command imports what it needs when it runs: `jazzaam run` starts in a blink.
"""
# ruff: noqa: PLC0415

import asyncio
from typing import Annotated

import typer

from jazzaam.cli import admins, audit, jobs, keys, tenants
from jazzaam.cli.settings import settings_of

cli = typer.Typer(
    name="jazzaam",
    help="A CRM that keeps every company in a MongoDB database of its own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
cli.add_typer(tenants.app, name="tenants")
cli.add_typer(jobs.app, name="jobs")
cli.add_typer(keys.app, name="keys")
cli.add_typer(audit.app, name="audit")
cli.add_typer(admins.admins, name="admins")
cli.add_typer(admins.accounts, name="accounts")
cli.add_typer(admins.companies, name="companies")


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from importlib.metadata import version

        print(f"jazzaam {version('jazzaam')}")
        raise typer.Exit


@cli.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take what stands before a command; typer answers it."""


@cli.command()
def run(
    demo: Annotated[bool, typer.Option(help="Make two demo companies, and say where to look.")] = False,
) -> None:
    """Run everything on this machine: MongoDB, the API and the worker."""
    from jazzaam.supervisor import supervise

    after_start = [["demo"]] if demo else []
    asyncio.run(supervise(settings_of(), after_start=after_start))


@cli.command()
def serve() -> None:
    """Answer HTTP."""
    import uvloop

    from jazzaam.main import serve as serve_http

    uvloop.run(serve_http(settings_of()))


@cli.command()
def worker() -> None:
    """Run jobs."""
    import uvloop

    from jazzaam.worker import work

    uvloop.run(work(settings_of()))


@cli.command()
def relay() -> None:
    """Hand jobs to the workers, where JAZZAAM_BROKER_URL names a broker."""
    import uvloop

    from jazzaam.worker import relay as relay_jobs

    uvloop.run(relay_jobs(settings_of()))


@cli.command()
def demo() -> None:
    """Make two demo companies with 200 leads each, and say where to look; safe to repeat."""
    from jazzaam.cli.demo import make_demo

    for line in asyncio.run(make_demo(settings_of())):
        print(line)


@cli.command()
def doctor() -> None:
    """Say what MongoDB, its users, our keys or the broker lack; exit status 1 when something does."""
    from jazzaam.cli.doctor import examine

    findings = asyncio.run(examine(settings_of()))
    for finding in findings:
        print(f"{'ok   ' if finding.good else 'LACKS'}  {finding.name}: {finding.says}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
