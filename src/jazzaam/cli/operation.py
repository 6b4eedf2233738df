"""What the operator's commands do: each a function on an application that acts as *operator*."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bson import ObjectId
from pymongo.errors import PyMongoError

from jazzaam.cli.words import counted
from jazzaam.cli.words import plain as plain_text
from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.companies.repository import company_names
from jazzaam.control.memberships.models import Actor, ActorKind
from jazzaam.control.plane import ControlPlane
from jazzaam.errors import InvalidInput, Unavailable
from jazzaam.tenancy.clusters import plain, require_fit
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.models import Tenant, TenantId, TenantStatus, Tier
from jazzaam.tenancy.report import reports
from jazzaam.tenancy.users import OPERATOR

Result = TypeVar("Result")
Say = Callable[[str], None]

OPERATORS_ACTOR = Actor(ActorKind.operator, "cli")
"""Who acts, as the audit log keeps it."""

KEPT = (TenantStatus.active, TenantStatus.suspended, TenantStatus.ready)
"""The states in which a tenant's database is whole."""


class DatabaseFailed(Unavailable):
    """MongoDB could not do it."""


def operate(
    settings: Settings,
    work: Callable[[Application], Awaitable[Result]],
    *,
    keys_needed: bool = True,
    every_cluster: bool = False,
    declare: bool = False,
) -> Result:
    """Run `work` in an application of the user *operator*, and close it.

    Without `keys_needed` it runs although an encryption key is missing; `every_cluster` must answer where
    the whole fleet is meant; `declare` makes this release known, as starting it does. Raises
    `DatabaseFailed` in one line for what the driver raises.
    """

    async def whole() -> Result:
        application = compose(settings, user=OPERATOR)
        try:
            await prepare(
                application, keys_needed=keys_needed, every_cluster=every_cluster, declare=declare
            )
            return await work(application)
        except PyMongoError as error:
            raise DatabaseFailed(f"MongoDB: {plain(error)}") from None
        finally:
            await application.deployment.close()

    return asyncio.run(whole())


async def known_tenant(application: Application, text: str) -> Tenant:
    """Find a tenant by what the operator typed, on a cluster that answers.

    Raises `InvalidInput`, `TenantNotFound`, `ClusterSilent`.
    """
    tenancy = application.deployment.tenancy
    tenant = await tenancy.catalog.tenant(tenancy.naming.require(text))
    await require_fit(application.deployment.clusters.client(tenant.cluster), tenant.cluster)
    return tenant


async def tell_audit(
    application: Application,
    tenant_id: TenantId,
    action: Action,
    resource: Resource,
    *fields: str,
    doing: Callable[[SystemDatabase], Awaitable[object]] | None = None,
) -> None:
    """Tell a company's audit log what the operator does: `doing` it in one change, or before it is done.

    `doing` is handed the shared database in that change.
    """
    plane = ControlPlane(application.deployment.system(), application.control)

    async def work() -> None:
        if doing is not None:
            await doing(plane.db)
        plane.audit(
            action,
            resource,
            tenant_id,
            by=OPERATORS_ACTOR,
            company=ObjectId(tenant_id),
            fields=fields,
        )

    await plane.change(work)


async def list_tenants(application: Application, say: Say) -> None:
    """Say every tenant's id, state, tier, cluster and name, and when it is to be erased."""
    deployment = application.deployment
    names = await company_names(deployment.system())
    ends = await deployment.erasure.planned()
    for tenant in await deployment.tenancy.catalog.tenants():
        end = f"  (erased after {ends[tenant.id]:%Y-%m-%d %H:%M} UTC)" if tenant.id in ends else ""
        name = plain_text(names.get(tenant.id, ""))
        say(f"{tenant.id}  {tenant.status:<12}  {tenant.tier:<9}  {tenant.cluster}  {name}{end}")


async def set_tier(application: Application, text: str, tier: Tier, grace: timedelta, say: Say) -> None:
    """Give a tenant a MongoDB user of its own, or take it away."""
    tenant = await known_tenant(application, text)
    if tenant.tier is tier:
        say(f"{tenant.id} is {tier} already.")
        return
    await tell_audit(application, tenant.id, Action.update, Resource.credential, "tier")
    await application.deployment.credentials.set_tier(tenant.id, tier, _now(application), grace)
    say(f"{tenant.id} is {tier} now.")
    await _retire(application, tenant, grace, say)


async def rotate_credentials(application: Application, text: str, grace: timedelta, say: Say) -> None:
    """Give a dedicated tenant a new MongoDB user, and drop the old one after `grace`."""
    tenant = await known_tenant(application, text)
    if tenant.tier is Tier.shared:
        raise InvalidInput([], f"{tenant.id} is shared: `set-tier {tenant.id} dedicated` gives it a user.")
    await tell_audit(application, tenant.id, Action.update, Resource.credential, "password")
    rotated = await application.deployment.credentials.rotate(tenant.id, _now(application), grace)
    assert rotated.credential is not None  # noqa: S101 - that is what rotate makes
    say(f"{tenant.id} signs in to MongoDB as t_{tenant.id}_e{rotated.credential.epoch} now.")
    await _retire(application, tenant, grace, say)


async def _retire(application: Application, before: Tenant, grace: timedelta, say: Say) -> None:
    """Wait for work that was begun with the old user, if there is one, then drop it."""
    if before.tier is Tier.shared:
        return
    if grace > timedelta():
        say(f"Waiting {grace.total_seconds():.0f} s for what was begun with the old MongoDB user.")
    await asyncio.sleep(grace.total_seconds())
    for name in await application.deployment.credentials.retire(before.id, _now(application)):
        say(f"The old MongoDB user {name} is dropped.")


async def suspend(application: Application, text: str, say: Say) -> None:
    """Close a company, within a second and everywhere."""
    deployment = application.deployment
    tenant_id = deployment.tenancy.naming.require(text)

    async def doing(system: SystemDatabase) -> None:
        await deployment.erasure.suspend(tenant_id, within=system)

    await tell_audit(application, tenant_id, Action.suspend, Resource.company, doing=doing)
    say(f"{tenant_id} is suspended. Open it again with `jazzaam tenants resume {tenant_id}`.")


async def resume(application: Application, text: str, say: Say) -> None:
    """Open a suspended company again."""
    deployment = application.deployment
    tenant_id = deployment.tenancy.naming.require(text)

    async def doing(system: SystemDatabase) -> None:
        await deployment.erasure.resume(tenant_id, within=system)

    await tell_audit(application, tenant_id, Action.restore, Resource.company, doing=doing)
    say(f"{tenant_id} is active.")


async def delete(application: Application, text: str, grace: timedelta, say: Say) -> None:
    """Suspend a company, and erase it when its grace period is over: at once when that is none."""
    deployment, now = application.deployment, _now(application)
    tenant = await known_tenant(application, text)
    if tenant.status is TenantStatus.erasing and grace > timedelta():
        say(f"{tenant.id} is being erased: it cannot be restored any more.")
        return

    async def doing(system: SystemDatabase) -> None:
        await deployment.erasure.suspend(tenant.id, erase_after=now + grace, within=system)

    if tenant.status is not TenantStatus.erasing:
        await tell_audit(application, tenant.id, Action.delete, Resource.company, doing=doing)
    if grace > timedelta():
        say(
            f"{tenant.id} is suspended, and will be erased after {now + grace:%Y-%m-%d %H:%M} UTC. "
            f"Until then `jazzaam tenants resume {tenant.id}` restores it."
        )
        return
    if deployment.erasure.fence > timedelta():
        seconds = deployment.erasure.fence.total_seconds()
        say(f"{tenant.id} is closed for good. Waiting {seconds:.0f} s for what was begun before.")
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
    found = await reports(application.deployment.system(), _now(application))
    if not found:
        say("No process is running.")
    for row in found:
        process, numbers = row["process"], row["pool"]
        say(
            f"{process['host']} {process['pid']} {process.get('command', '')}: "
            f"{numbers['open']} of {numbers['size']} open, {numbers['leased']} leased, "
            f"{numbers['waiting']} waiting, {numbers['opened']} opened, {numbers['evicted']} evicted"
        )
        for user, client in sorted(numbers["clients"].items()):
            say(
                f"  {user:<32} {counted(client['leases'], 'lease')}, "
                f"idle {client['idle_seconds']:.0f} s, open {client['age_seconds']:.0f} s"
            )


async def repair(
    application: Application, stale_after: timedelta, *, drop_returned: bool, say: Say
) -> None:
    """Finish or undo what crashes left, and say what was done."""
    care, now = application.deployment.care, _now(application)
    quiet = True
    for found in (care.repair(now, stale_after=stale_after), care.strays(drop_returned=drop_returned)):
        async for mended in found:
            say(f"{mended.about}: {mended.what}")
            quiet = False
    if quiet:
        say("There was nothing to repair.")


def _now(application: Application) -> datetime:
    return application.control.clock.now()
