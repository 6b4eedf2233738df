"""`jazzaam admins`, `accounts` and `companies`: what only who runs the machine may decide."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

from typing import Annotated

import typer

from jazzaam.cli.settings import settings_of
from jazzaam.control.billing.plans import Plan

admins = typer.Typer(help="Who runs the platform.", no_args_is_help=True)
accounts = typer.Typer(help="People's accounts.", no_args_is_help=True)
companies = typer.Typer(help="Companies as customers.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The address of an account.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The company's id, 24 hex digits.")]


@admins.command()
def add(email: Email) -> None:
    """Make an account a platform admin; it gets no door to any company."""
    from jazzaam.cli import admin_operation, operation

    operation.operate(
        settings_of(),
        lambda application: admin_operation.set_admin(application, email, to=True, say=print),
    )


@admins.command()
def remove(email: Email) -> None:
    """Make an account a platform admin no more."""
    from jazzaam.cli import admin_operation, operation

    operation.operate(
        settings_of(),
        lambda application: admin_operation.set_admin(application, email, to=False, say=print),
    )


@admins.command("list")
def list_() -> None:
    """List the platform admins."""
    from jazzaam.cli import admin_operation, operation

    operation.operate(settings_of(), lambda application: admin_operation.list_admins(application, print))


@accounts.command()
def erase(email: Email) -> None:
    """Erase a person: account, memberships, sessions, keys, and what tells of them in the audit logs."""
    from jazzaam.cli import admin_operation, operation

    operation.operate(
        settings_of(),
        lambda application: admin_operation.erase(application, email, print),
        every_cluster=True,
    )


@companies.command()
def set_plan(
    company_id: Id,
    plan: Annotated[
        Plan, typer.Argument(metavar="PLAN", help="What it pays for: free, starter, growth or pro.")
    ],
) -> None:
    """Put a company on a plan; its limits hold within a second. Who is over one keeps what is there."""
    from jazzaam.cli import admin_operation, operation

    operation.operate(
        settings_of(),
        lambda application: admin_operation.set_plan(application, company_id, plan, print),
    )
