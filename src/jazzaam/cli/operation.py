"""What the operator's commands do: each a function on an application that acts as *operator*."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.tenancy.models import Tenant, TenantId, TenantStatus, Tier
from jazzaam.tenancy.report import reports
from jazzaam.tenancy.users import OPERATOR

Result = TypeVar("Result")
Say = Callable[[str], None]

KEPT = (TenantStatus.active, TenantStatus.suspended, TenantStatus.ready)
"""The states in which a tenant's database is whole."""


def operate(
    settings: Settings,
    work: Callable[[Application], Awaitable[Result]],
    *,
    keys_needed: bool = True,
) -> Result:
    """Run `work` in an application of the user *operator*, and close it.

    Without `keys_needed` it runs although an encryption key is missing.
    """

    async def whole() -> Result:
        application = compose(settings, user=OPERATOR)
        try:
            await prepare(application, keys_needed=keys_needed, every_cluster=True)
            return await work(application)
        finally:
            await application.deployment.close()

    return asyncio.run(whole())


async def known_tenant(application: Application, text: str) -> Tenant:
    """Find a tenant by what the operator typed; raises `InvalidInput` or `TenantNotFound`."""
    tenancy = application.deployment.tenancy
    return await tenancy.catalog.tenant(tenancy.naming.require(text))


async def list_tenants(application: Application, say: Say) -> None:
    """Say every tenant's id, state, tier, cluster and database."""
    for tenant in await application.deployment.tenancy.catalog.tenants():
        say(f"{tenant.id}  {tenant.status:<12}  {tenant.tier:<9}  {tenant.cluster}  {tenant.database}")


async def set_tier(application: Application, text: str, tier: Tier, grace: timedelta, say: Say) -> None:
    """Give a tenant a MongoDB user of its own, or take it away."""
    tenant = await known_tenant(application, text)
    await application.deployment.credentials.set_tier(tenant.id, tier, _now(application))
    say(f"{tenant.id} is {tier} now.")
    await _retire(application, tenant.id, grace, say)


async def rotate_credentials(application: Application, text: str, grace: timedelta, say: Say) -> None:
    """Give a dedicated tenant a new MongoDB user, and drop the old one after `grace`."""
    tenant = await known_tenant(application, text)
    tenant = await application.deployment.credentials.rotate(tenant.id, _now(application))
    assert tenant.credential is not None  # noqa: S101 - that is what rotate makes
    say(f"{tenant.id} signs in to MongoDB as t_{tenant.id}_e{tenant.credential.epoch} now.")
    await _retire(application, tenant.id, grace, say)


async def _retire(application: Application, tenant_id: TenantId, grace: timedelta, say: Say) -> None:
    """Wait for work that was begun with the old user, then drop it."""
    await asyncio.sleep(grace.total_seconds())
    for name in await application.deployment.credentials.retire(tenant_id, _now(application)):
        say(f"The old MongoDB user {name} is dropped.")


async def suspend(application: Application, text: str, say: Say) -> None:
    """Close a company, within a second and everywhere."""
    tenant = await known_tenant(application, text)
    await application.deployment.erasure.suspend(tenant.id)
    say(f"{tenant.id} is suspended. Open it again with `jazzaam tenants resume {tenant.id}`.")


async def resume(application: Application, text: str, say: Say) -> None:
    """Open a suspended company again."""
    tenant = await known_tenant(application, text)
    await application.deployment.erasure.resume(tenant.id)
    say(f"{tenant.id} is active.")


async def delete(application: Application, text: str, grace: timedelta, say: Say) -> None:
    """Suspend a company, and erase it when its grace period is over: at once when that is none."""
    deployment, now = application.deployment, _now(application)
    tenant = await known_tenant(application, text)
    if tenant.status is not TenantStatus.erasing:
        await deployment.erasure.suspend(tenant.id, erase_after=now + grace)
    if grace > timedelta():
        say(
            f"{tenant.id} is suspended, and will be erased after {now + grace:%Y-%m-%d %H:%M} UTC. "
            f"Until then `jazzaam tenants resume {tenant.id}` restores it."
        )
        return
    _say_receipt(await deployment.erasure.erase(tenant.id, application.control.clock.now), say)


async def receipt(application: Application, text: str, say: Say) -> None:
    """Say what was removed of an erased company; raises `TenantNotFound`."""
    deployment = application.deployment
    found = await deployment.erasure.receipt(deployment.tenancy.naming.require(text))
    if found is None:
        await known_tenant(application, text)
        say(f"{text} is not erased.")
        return
    _say_receipt(found, say)


def _say_receipt(found: dict[str, Any], say: Say) -> None:
    ended = found.get("finishedAt")
    say(f"{found['_id']}: {f'erased {ended:%Y-%m-%d %H:%M} UTC' if ended else 'being erased'}")
    for what, count in sorted(found["removed"].items()):
        say(f"  {what:<32} {count}")
    for name in found["users"]:
        say(f"  MongoDB user {name}")


async def pool(application: Application, say: Say) -> None:
    """Say what each running process says of its clients of dedicated companies."""
    found = await reports(application.deployment.system())
    if not found:
        say("No process is running.")
    for row in found:
        process, numbers = row["process"], row["pool"]
        say(
            f"{process['host']} {process['pid']}: {numbers['open']} of {numbers['size']} open, "
            f"{numbers['leased']} leased, {numbers['waiting']} waiting, "
            f"{numbers['opened']} opened, {numbers['evicted']} evicted"
        )
        for user, client in sorted(numbers["clients"].items()):
            say(
                f"  {user:<32} {client['leases']} leases, "
                f"idle {client['idle_seconds']:.0f} s, open {client['age_seconds']:.0f} s"
            )


async def repair(application: Application, stale_after: timedelta, say: Say) -> None:
    """Finish or undo what crashes left, and say what was done."""
    care, now = application.deployment.care, _now(application)
    quiet = True
    for found in (care.repair(now, stale_after=stale_after), care.unknown_databases()):
        async for mended in found:
            say(f"{mended.about}: {mended.what}")
            quiet = False
    if quiet:
        say("There was nothing to repair.")


def _now(application: Application) -> datetime:
    return application.control.clock.now()
