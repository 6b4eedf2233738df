"""What looks after the fleet runs as jobs, by itself; one part's trouble stops no other."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from tests.conftest import at_work

from jazzaam.control.accounts.jobs import forget_registrations
from jazzaam.control.registrations.models import REGISTRATIONS
from jazzaam.control.tenants.jobs import close_due, count_usage, keep_ready, repair
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, Place
from jazzaam.jobs.registry import Fired
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.errors import TenantNotFound
from jazzaam.tenancy.limits import USAGES
from jazzaam.tenancy.models import TenantStatus
from jazzaam.worker import create_runner, plan_control

AT = Fired(datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_company_whose_grace_is_over_is_closed_and_then_erased(plane, application):
    deployment, now = application.deployment, application.control.clock.now()
    doomed = await deployment.provisioner.create(str(ObjectId()), at=now)
    kept = await deployment.provisioner.create(str(ObjectId()), at=now)
    await deployment.erasure.suspend(doomed.id, erase_after=now - timedelta(seconds=1))
    await deployment.erasure.suspend(kept.id, erase_after=now + timedelta(days=1))

    await close_due.run(plane, AT)
    assert (await deployment.tenancy.catalog.tenant(doomed.id)).status is TenantStatus.erasing
    assert await repair.run(plane, AT) >= 1

    with pytest.raises(TenantNotFound):
        await deployment.tenancy.catalog.tenant(doomed.id)
    assert (await deployment.tenancy.catalog.tenant(kept.id)).status is TenantStatus.suspended


async def test_databases_are_kept_ready(plane, application):
    await keep_ready.run(plane, AT)

    ready = await application.deployment.tenancy.catalog.tenants(TenantStatus.ready)
    assert len(ready) >= plane.services.ready_tenants


async def test_what_companies_use_is_counted_anew(plane, acme, application):
    rows = application.deployment.system()[USAGES]
    await rows.update_one({"_id": acme.id}, {"$set": {"leads": 700}}, upsert=True)

    assert await count_usage.run(plane, AT) >= 1

    row = await rows.find_one({"_id": acme.id}, {"leads": 1})
    assert row["leads"] == 0


async def test_registrations_that_nobody_verified_are_forgotten(plane, application):
    rows, now = application.deployment.system()[REGISTRATIONS], plane.clock.now()
    for name, ends in (("over", now - timedelta(seconds=1)), ("open", now + timedelta(hours=1))):
        await rows.insert({"_id": f"{name}@example.com", "tokenHash": name.encode(), "expiresAt": ends})

    assert await forget_registrations.run(plane, AT) >= 1

    assert await rows.count({"_id": "over@example.com"}) == 0
    assert await rows.count({"_id": "open@example.com"}) == 1


async def test_each_comes_again_by_itself(application, app):
    """The fire that runs writes the next, here as a worker process does it."""
    system = application.deployment.system()
    await plan_control(application)
    before = {row["name"]: row for row in await outbox.scheduled(system)}
    assert before.keys() >= {"tenants.close_due", "tenants.repair", "tenants.plan"}

    async with at_work(application), asyncio.timeout(40):
        while True:
            now = {row["name"]: row for row in await outbox.scheduled(system)}
            if now.get("tenants.plan", before["tenants.plan"])["_id"] != before["tenants.plan"]["_id"]:
                break
            await asyncio.sleep(0.1)

    assert await system[JOBS].count({"name": "tenants.plan", "state": "done"}) >= 1


async def test_one_that_fails_comes_again_and_stops_no_other(application, app):
    system, runner = application.deployment.system(), create_runner(application)
    await plan_control(application)
    rows = {row["name"]: row for row in await outbox.scheduled(system)}
    await system[TENANTS].insert({"_id": "f" * 24, "status": TenantStatus.ready, "spare": True})
    try:
        for name in ("tenants.keep_ready", "tenants.close_due"):
            row = rows[name]
            await system[JOBS].update_one({"_id": row["_id"]}, {"$set": {"dueAt": datetime.now(UTC)}})
            await runner.run(Place("main", None, row["_id"], row["attempt"]))
    finally:
        await system[TENANTS].delete_many({"_id": "f" * 24})

    names = [row["name"] for row in await outbox.scheduled(system)]
    assert "tenants.keep_ready" in names
    assert await system[JOBS].count({"_id": rows["tenants.close_due"]["_id"], "state": "done"}) == 1
