"""The command line.

Each command imports what it needs when it runs: `jazzaam run` starts in a blink.
"""
# ruff: noqa: PLC0415

import asyncio
from typing import Annotated

import typer

from jazzaam.config import Settings, read_settings, unknown_variables
from jazzaam.logging import configure_logging, get_logger

cli = typer.Typer(
    name="jazzaam",
    help="A CRM that keeps every company in a MongoDB database of its own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
tenants = typer.Typer(help="Companies and their databases.", no_args_is_help=True)
cli.add_typer(tenants, name="tenants")


def _settings() -> Settings:
    settings = read_settings()
    configure_logging(json=settings.log_json or settings.production)
    for name in unknown_variables():
        get_logger(__name__).warning("settings.unknown_variable", name=name)
    return settings


@cli.command()
def run(
    demo: Annotated[bool, typer.Option(help="Make two demo companies, and say where to look.")] = False,
) -> None:
    """Run everything on this machine: MongoDB, the API and the worker."""
    from jazzaam.supervisor import supervise

    after_start = [["demo"]] if demo else []
    asyncio.run(supervise(_settings(), after_start=after_start))


@cli.command()
def serve() -> None:
    """Answer HTTP."""
    import uvloop

    from jazzaam.main import serve as serve_http

    uvloop.run(serve_http(_settings()))


@cli.command()
def worker() -> None:
    """Run jobs."""
    import uvloop

    from jazzaam.worker import work

    uvloop.run(work(_settings()))


@cli.command()
def demo() -> None:
    """Make two demo companies with 200 leads each, and say where to look; safe to repeat."""
    from jazzaam.cli.demo import make_demo

    for line in asyncio.run(make_demo(_settings())):
        print(line)


@cli.command()
def doctor() -> None:
    """Say what the MongoDB deployment lacks; exit status 1 when something does."""
    from jazzaam.cli.doctor import examine

    findings = asyncio.run(examine(_settings()))
    for finding in findings:
        print(f"{'ok   ' if finding.good else 'LACKS'}  {finding.name}: {finding.says}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


@tenants.command("list")
def tenants_list() -> None:
    """List every company's id, state and database."""
    from jazzaam.cli.tenants import list_tenants

    for tenant in asyncio.run(list_tenants(_settings())):
        print(f"{tenant.id}  {tenant.status:<12}  {tenant.cluster}  {tenant.database}")
