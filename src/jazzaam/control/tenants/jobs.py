"""What is done for all companies' databases again and again; each is safe to repeat.

They stand in the shared database, where one worker does each at a time, however many there are.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Final

from jazzaam.control.companies.repository import time_zone_of
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.crons import Crons
from jazzaam.jobs.registry import Fired, job
from jazzaam.jobs.schedule import Beat, Cron
from jazzaam.logging import get_logger
from jazzaam.tenancy.care import Mended
from jazzaam.tenancy.change import change
from jazzaam.tenancy.database import TenantDatabase

log = get_logger(__name__)

_PLAN_SECONDS: Final = 20
_KEEP: Final = timedelta(hours=1)
"""They come often, and what they did is in the log."""


@job("tenants.close_due", atomic=False, keep=_KEEP, cron=Cron("0,30 * * * * *", Beat.control))
async def close_due(plane: ControlPlane, _fired: Fired) -> None:
    """Close for good the companies whose grace period is over."""
    await plane.services.care.close_due(plane.clock.now())


@job("tenants.repair", atomic=False, keep=_KEEP, cron=Cron("10,40 * * * * *", Beat.control))
async def repair(plane: ControlPlane, _fired: Fired) -> int:
    """Finish or undo what crashes left: sign-ups, imports, erasures, changes of MongoDB users."""
    return await _told(plane.services.care.repair_tenants(plane.clock.now()))


@job("tenants.repair_keys", atomic=False, keep=_KEEP, cron=Cron("25,55 * * * * *", Beat.control))
async def repair_keys(plane: ControlPlane, _fired: Fired) -> int:
    """Activate or release public keys that crashes left reserved."""
    return await _told(plane.services.care.repair_keys(plane.clock.now()))


async def _told(repairs: AsyncGenerator[Mended]) -> int:
    """Tell the log what was mended, or could not be; gives how much there was."""
    count = 0
    async for mended in repairs:
        log.warning("care.mended", about=mended.about, what=mended.what)
        count += 1
    return count


@job("tenants.keep_ready", atomic=False, keep=_KEEP, cron=Cron("5,20,35,50 * * * * *", Beat.control))
async def keep_ready(plane: ControlPlane, _fired: Fired) -> int:
    """Keep some databases ready for sign-ups."""
    return await plane.services.care.keep_ready(plane.services.ready_tenants, plane.clock.now())


@job("tenants.count_usage", atomic=False, keep=_KEEP, cron=Cron("15,45 * * * * *", Beat.control))
async def count_usage(plane: ControlPlane, _fired: Fired) -> int:
    """Count anew what companies use that were not counted for a day."""
    return await plane.services.care.count_usage(plane.clock.now())


@job("tenants.plan", atomic=False, keep=_KEEP, cron=Cron("*/10 * * * * *", Beat.control))
async def plan(plane: ControlPlane, _fired: Fired) -> int:
    """Have the schedules of new companies wait, and of those whose clocks or schedules changed."""
    crons, tenancy = Crons(plane.services.registry), plane.services.tenancy
    if not await plane.services.leads():  # two releases would undo each other's plans without end
        return 0
    unplanned = await tenancy.catalog.unplanned(crons.fingerprint)

    async def visit(db: TenantDatabase) -> None:
        asked = await tenancy.catalog.plans_asked(db.tenant.id)
        zone = await time_zone_of(plane.services.system(), db.tenant.id)
        async with asyncio.timeout(_PLAN_SECONDS):
            await change(db, lambda: crons.plan(db, zone, plane.clock.now()))
        await tenancy.catalog.planned(db.tenant, crons.fingerprint, asked)

    planned = 0
    async for outcome in tenancy.each(visit, tenants=unplanned):
        if outcome.error is not None:
            log.warning("crons.not_planned", tenant=outcome.tenant_id, error=type(outcome.error).__name__)
        planned += outcome.error is None and not outcome.skipped
    return planned
