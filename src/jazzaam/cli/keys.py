"""`jazzaam keys`: the keys that encrypt what is stored encrypted."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

from typing import Annotated

import typer

from jazzaam.cli.settings import settings_of

app = typer.Typer(help="Encryption keys.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List every key's id, and whether it is configured and in use; no key is shown."""
    from jazzaam.cli import key_operation, operation

    operation.operate(
        settings_of(),
        lambda application: key_operation.list_keys(application, print),
        keys_needed=False,
    )


@app.command()
def rotate() -> None:
    """Encrypt everything with the first of JAZZAAM_ENCRYPTION_KEYS, and say which keys may go."""
    from jazzaam.cli import key_operation, operation

    failed = operation.operate(
        settings_of(), lambda application: key_operation.rotate(application, print), every_cluster=True
    )
    if failed:
        raise typer.Exit(1)


@app.command()
def forget(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY", help="The key's id, as `jazzaam keys list` shows.")
    ],
) -> None:
    """Give up what a lost key encrypted, and say what that was; everything else goes on."""
    from jazzaam.cli import key_operation, operation

    operation.operate(
        settings_of(),
        lambda application: key_operation.forget(application, key_id, print),
        keys_needed=False,
        every_cluster=True,
    )
