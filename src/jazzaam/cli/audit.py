"""`jazzaam audit`: whether the audit log still is as it was written."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

from pathlib import Path
from typing import Annotated

import typer

from jazzaam.cli.settings import settings_of

app = typer.Typer(help="The audit log.", no_args_is_help=True)


@app.command()
def verify(
    companies: Annotated[
        list[str] | None, typer.Argument(metavar="COMPANY…", help="These companies alone.")
    ] = None,
    heads: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The heads that were told; default AUDIT_HEADS.")
    ] = None,
) -> None:
    """Find rows that were changed, removed, reordered or cut off, and entries that were not appended."""
    from jazzaam.cli import audit_operation, operation

    wrong = operation.operate(
        settings_of(),
        lambda application: audit_operation.verify(application, companies or (), heads, print),
        every_cluster=True,
    )
    if wrong:
        raise typer.Exit(1)
