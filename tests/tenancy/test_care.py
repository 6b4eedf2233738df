"""What tenants need again and again: one part that fails stops no other, and nobody is overlooked."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.deployment import Bounds
from jazzaam.tenancy.errors import ClusterFull, TenantNotFound
from jazzaam.tenancy.limits import USAGES
from jazzaam.tenancy.models import TenantStatus
from jazzaam.tenancy.schema import Shape
from jazzaam.tenancy.testing import temporary_tenancy

NOTES = CollectionSpec("notes")
SHAPE = Shape([NOTES])
FENCE = timedelta(minutes=1)


@pytest.fixture
def now():
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
async def first(mongod):
    bounds = Bounds(erase_fence=FENCE)
    async with temporary_tenancy(lambda user: mongod.uri(user.name), SHAPE, bounds=bounds) as deployment:
        yield deployment


@pytest.fixture
def full(mongod, first):
    """Another process of the same tenancy, for which the cluster has no room left."""
    names = first.declared.naming.system.removesuffix("_system")
    return temporary_tenancy(
        lambda user: mongod.uri(user.name), SHAPE, names=names,
        bounds=Bounds(table_limit=1, erase_fence=FENCE),
    )  # fmt: skip


async def test_a_full_cluster_still_loses_who_is_to_be_erased(first, full, now):
    doomed = await first.provisioner.create(str(ObjectId()), at=now)
    await first.erasure.suspend(doomed.id, erase_after=now)

    async with full as other:
        with pytest.raises(ClusterFull):
            await other.care.keep_ready(1, now)
        await other.care.round(now, ready=1)
        closed = await other.tenancy.catalog.tenants(TenantStatus.erasing)
        await other.care.round(now + FENCE, ready=1)

    assert [tenant.id for tenant in closed] == [doomed.id]
    receipt = await first.erasure.receipt(doomed.id)
    assert receipt["startedAt"] == now
    assert receipt["finishedAt"] == now + FENCE


async def test_nothing_is_removed_before_the_fence_is_over(first, now):
    doomed = await first.provisioner.create(str(ObjectId()), at=now)
    with await first.tenancy.open(doomed.id) as db:
        await db[NOTES].insert({"_id": 1})
    await first.erasure.suspend(doomed.id, erase_after=now)
    await first.care.close_due(now)

    assert [said async for said in first.care.repair(now + FENCE - timedelta(seconds=1))] == []
    tenant = await first.tenancy.catalog.tenant(doomed.id)
    with await first.tenancy.administer(tenant) as db:
        assert await db[NOTES].count({}) == 1

    said = [said async for said in first.care.repair(now + FENCE)]

    assert [mended.what for mended in said] == ["erased"]
    with pytest.raises(TenantNotFound):
        await first.tenancy.catalog.tenant(doomed.id)


async def test_closing_again_does_not_begin_the_fence_anew(first, now):
    doomed = await first.provisioner.create(str(ObjectId()), at=now)
    await first.erasure.suspend(doomed.id, erase_after=now)

    await first.erasure.close(doomed.id, now)
    await first.erasure.close(doomed.id, now + FENCE)

    assert await first.erasure.closed_at(doomed.id) == now


async def test_a_database_that_no_company_has_is_left_and_reported(first, now):
    tenant_id = ObjectId()
    name = first.declared.naming.database(str(tenant_id))
    foreign = first.clusters.client("main")[name]
    await foreign["somebody"].insert_one({"_id": "theirs"})

    said = [said async for said in first.care.unknown_databases()]

    assert [(mended.about, "left as it is" in mended.what) for mended in said] == [(name, True)]
    assert await foreign["somebody"].count_documents({}) == 1


async def test_who_cannot_be_counted_keeps_nobody_waiting(first, now):
    suspended = [await first.provisioner.create(str(ObjectId()), at=now) for _ in range(2)]
    for tenant in suspended:
        await first.erasure.suspend(tenant.id)
    rows = first.system()[USAGES]
    await rows.insert_all([{"_id": tenant.id, "leads": 1} for tenant in suspended])

    assert await first.care.count_usage(now, most=2) == 0

    active = await first.provisioner.create(str(ObjectId()), at=now)
    await rows.insert({"_id": active.id, "leads": 1})
    assert await first.care.count_usage(now, most=2) == 1


async def test_a_round_goes_on_after_a_part_that_failed(first, now):
    await first.system()[TENANTS].insert({"_id": "f" * 24, "status": TenantStatus.ready, "spare": True})
    doomed = await first.provisioner.create(str(ObjectId()), at=now)
    await first.erasure.suspend(doomed.id, erase_after=now)

    await first.care.round(now, ready=1)

    assert (await first.tenancy.catalog.tenant(doomed.id)).status is TenantStatus.erasing
