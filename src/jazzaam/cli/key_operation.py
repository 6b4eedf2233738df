"""What `jazzaam keys` does: list, rotate and forget encryption keys."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import TypeVar

from jazzaam.cli.operation import KEPT, Say
from jazzaam.composition import Application
from jazzaam.encryption import Undecryptable
from jazzaam.errors import ConfigurationError, InvalidInput
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.encryption_keys import (
    Ciphertext,
    Key,
    forget_canary,
    in_system,
    in_tenant,
    keep_canary,
    known_keys,
)
from jazzaam.tenancy.models import TenantId, TenantStatus
from jazzaam.tenancy.report import all_reports
from jazzaam.tenancy.users import OPERATOR

Result = TypeVar("Result")


async def list_keys(application: Application, say: Say) -> None:
    """Say each key's id, whether it is configured, and since when it is used."""
    cipher, known = application.cipher, await known_keys(application.deployment.system())
    for key_id in dict.fromkeys([*cipher.key_ids, *known]):
        role = "encrypts" if key_id == cipher.current_id else "decrypts"
        state = role if key_id in cipher.key_ids else "MISSING"
        since = f"in use since {known[key_id]:%Y-%m-%d}" if key_id in known else "not in use"
        say(f"{key_id}  {state:<8}  {since}")


async def rotate(application: Application, say: Say) -> int:
    """Encrypt everything with the newest key, and say which keys may go; gives how many could not be.

    What has the newest key is not touched, so a run that was cut off goes on where it ended. Raises
    `ConfigurationError` while a running process lacks that key: it could not read what is encrypted anew.
    """
    cipher, system = application.cipher, application.deployment.system()
    await _require_everywhere(application)
    older, done, failed = Key(cipher.current_id, all_others=True), 0, 0

    async def re_encrypt(one: Ciphertext) -> bool | None:
        try:
            return await one.re_encrypt(cipher)
        except Undecryptable:
            return None

    async for one, encrypted in _each(application, older, re_encrypt):
        done += encrypted is True
        if encrypted is None:
            failed += 1
            say(f"{one} does not decrypt with the key {one.key_id}.")
    say(f"{done} encrypted with the key {cipher.current_id}.")

    async def look(one: Ciphertext) -> str:
        return one.key_id

    in_use = {key_id async for _, key_id in _each(application, older, look)}
    for key_id in await known_keys(system):
        if key_id not in (cipher.current_id, *in_use):
            await forget_canary(system, key_id)
            say(f"Nothing is encrypted with the key {key_id} any more: it may go.")
    return failed


async def _require_everywhere(application: Application) -> None:
    key_id = application.cipher.current_id
    for row in await all_reports(application.deployment.system()):
        if key_id not in row.get("keys", ()):
            process = {"pid": "?", "host": "?", "command": "?", **row.get("process", {})}
            raise ConfigurationError(
                f"The process {process['pid']} on {process['host']} ({process['command']}) lacks the key "
                f"{key_id}: restart it with the new JAZZAAM_ENCRYPTION_KEYS first. One that was killed is "
                "forgotten after two minutes."
            )


async def forget(application: Application, key_id: str, say: Say) -> None:
    """Give up what a lost key encrypted, and let processes start without it. Safe to repeat.

    A dedicated company whose MongoDB password is lost gets a new one. Raises `InvalidInput` for an unknown
    key, `ConfigurationError` for one that is configured, and `TenantBusy` while something else is done with
    a company that used it.
    """
    deployment = application.deployment
    system = deployment.system()
    if key_id in application.cipher.key_ids:
        raise ConfigurationError(
            f"The key {key_id} is configured: use `jazzaam keys rotate`, which loses nothing."
        )
    if key_id not in await known_keys(system):
        raise InvalidInput([], f"{key_id[:60]!r} is no key in use; `jazzaam keys list` shows them.")
    gone = 0
    await keep_canary(system, application.cipher, application.control.clock.now())

    async def give_up(one: Ciphertext) -> str | None:
        if one.place.collection == TENANTS.name:
            return await _replace_password(application, one)
        return None if await one.remove() else f"{one} was changed meanwhile: it does not need the key."

    async for one, kept in _each(application, Key(key_id), give_up):
        gone += kept is None
        say(f"Gone: {one}." if kept is None else kept)
    await forget_canary(system, key_id)
    say(f"The key {key_id} is forgotten. {gone or 'Nothing'} was lost with it; all else works.")


async def _replace_password(application: Application, one: Ciphertext) -> str:
    """Give a company a MongoDB user whose password we know; says why nothing is lost.

    One that is being erased needs none: its user is dropped by name. Raises `TenantBusy`.
    """
    deployment, now = application.deployment, application.control.clock.now()
    tenant_id = TenantId(one.place.tenant)
    erasing = {"_id": tenant_id, "status": TenantStatus.erasing}
    if await deployment.tenancy.catalog.alter(erasing, {"$unset": {"credential": ""}}) is not None:
        return f"{tenant_id} is being erased: nothing is lost."
    await deployment.credentials.undo(tenant_id)
    await deployment.credentials.rotate(tenant_id, now, timedelta())
    await deployment.credentials.retire(tenant_id, now)
    return f"{tenant_id} has a new MongoDB password: nothing is lost."


async def _each(
    application: Application, key: Key, act: Callable[[Ciphertext], Awaitable[Result]]
) -> AsyncGenerator[tuple[Ciphertext, Result]]:
    """Act on every ciphertext of a key, in the shared database and in every company's.

    Raises what a company's database raises: what could not be looked at may hold more.
    """
    deployment = application.deployment
    async for one in in_system(deployment.system(), deployment.declared.system, key):
        yield one, await act(one)
    declared = [spec for spec in deployment.declared.shape.collections if spec.encrypted]
    if not declared:
        return

    async def visit(db: TenantDatabase) -> list[tuple[Ciphertext, Result]]:
        return [(one, await act(one)) async for one in in_tenant(db, declared, key)]

    tenants = await deployment.tenancy.catalog.tenants(*KEPT)
    async with aclosing(deployment.tenancy.each(visit, tenants=tenants, user=OPERATOR)) as outcomes:
        async for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            for done in outcome.result or ():
                yield done
