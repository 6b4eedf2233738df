"""What tenants need again and again: one part that fails stops no other, and nobody is overlooked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from jazzaam.tenancy.catalog import PUBLIC_KEYS, TENANTS, PublicKey
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.deployment import Bounds
from jazzaam.tenancy.errors import ClusterFull, TenantBusy, TenantNotFound
from jazzaam.tenancy.limits import USAGES
from jazzaam.tenancy.models import TenantId, TenantStatus, Tier
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
        await other.care.close_due(now)
        closed = await other.tenancy.catalog.tenants(TenantStatus.erasing)
        _ = [mended async for mended in other.care.repair_tenants(now + FENCE)]

    assert [tenant.id for tenant in closed] == [doomed.id]
    receipt = await first.erasure.receipt(doomed.id)
    assert receipt["startedAt"] == now
    assert receipt["finishedAt"] == now + FENCE


async def test_nothing_is_removed_before_the_fence_is_over(first, now):
    doomed = await first.provisioner.create(str(ObjectId()), at=now)
    with await first.tenancy.open(doomed.id) as db:
        await db[NOTES].insert({"_id": 1})
    await first.erasure.suspend(doomed.id, erase_after=now)
    await first.erasure.close_due(now)

    assert [said async for said in first.care.repair(now + FENCE - timedelta(seconds=1))] == []
    tenant = await first.tenancy.catalog.tenant(doomed.id)
    with await first.tenancy.administer(tenant) as db:
        assert await db[NOTES].count({}) == 1

    said = [said async for said in first.care.repair(now + FENCE)]

    assert [mended.what for mended in said] == ["erased"]
    with pytest.raises(TenantNotFound):
        await first.tenancy.catalog.tenant(doomed.id)


async def test_what_was_not_closed_for_good_is_not_removed(first, now):
    kept = await first.provisioner.create(str(ObjectId()), at=now)
    with await first.tenancy.open(kept.id) as db:
        await db[NOTES].insert({"_id": 1})
        with pytest.raises(TenantBusy):
            await first.erasure.finish(kept.id, now)
        assert await db[NOTES].count({}) == 1


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

    said = [said async for said in first.care.strays()]

    assert [(mended.about, "left as it is" in mended.what) for mended in said] == [(name, True)]
    assert await foreign["somebody"].count_documents({}) == 1


async def test_a_database_of_an_erased_company_is_dropped_only_when_that_is_asked_for(first, now):
    """It may be another installation's, which has a company of the same id."""
    gone = await first.provisioner.create(str(ObjectId()), at=now)
    await first.erasure.suspend(gone.id)
    await first.erasure.close(gone.id, now)
    await first.erasure.finish(gone.id, now)
    there = first.clusters.client("main")[gone.database]
    await there["notes"].insert_one({"_id": "whose?"})

    said = [mended.what async for mended in first.care.strays()]
    assert said == ["a database of an erased company's name: --drop-returned drops it"]
    assert await there["notes"].count_documents({}) == 1

    said = [mended.what async for mended in first.care.strays(drop_returned=True)]
    assert said == ["the database of an erased company had come back: dropped"]
    assert gone.database not in await first.clusters.client("main").list_database_names()


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


class TestUndo:
    async def test_a_stale_list_does_no_harm_to_who_came_after(self, first, now):
        there = await first.provisioner.create(str(ObjectId()), at=now)
        with await first.tenancy.open(there.id) as db:
            await db[NOTES].insert({"_id": 1})
            earlier = replace(there, status=TenantStatus.erasing, life=ObjectId())
            for stale in (earlier, replace(earlier, status=TenantStatus.importing), there):
                assert not await first.provisioner.undo(stale, now)
            assert await db[NOTES].count({}) == 1

    async def test_one_process_at_a_time_does_it(self, first, now):
        half = await first.provisioner._begin(TenantId(str(ObjectId())), now)
        row = {"_id": half.id}
        begun = {"$set": {"status": TenantStatus.erasing, "undoneAt": now}}
        taken = await first.tenancy.catalog.alter(row, begun)

        assert not await first.provisioner.undo(taken, now + timedelta(minutes=1))
        assert await first.provisioner.undo(taken, now + timedelta(minutes=2))
        assert await first.tenancy.catalog.tenants() == []

    async def test_its_keys_go_also_those_that_were_activated(self, first, now):
        half = await first.provisioner._begin(TenantId(str(ObjectId())), now)
        for key in ("reserved", "active"):
            await first.tenancy.catalog.reserve_key(key, PublicKey(half.id, "note", "1"), now)
        await first.tenancy.catalog.activate_key("active", PublicKey(half.id, "note", "1"))

        assert await first.provisioner.undo(half, now)

        assert await first.system()[PUBLIC_KEYS].count({}) == 0

    async def test_what_another_release_left_half_built_is_not_finished(self, first, now):
        half = await first.provisioner._begin(TenantId(str(ObjectId())), now - timedelta(minutes=11))
        await first.tenancy.catalog.alter({"_id": half.id}, {"$set": {"schemaFingerprint": "older"}})

        said = [mended.what async for mended in first.care.repair(now)]

        assert said == ["taken back: it never opened"]
        assert await first.tenancy.catalog.tenants() == []


class TestTrouble:
    """One tenant's stops no other's repair."""

    @pytest.fixture
    async def lose(self, first, now):
        """Put a row into the catalog whose cluster is not there."""
        lost = []

        async def lose(**more):
            row = {
                "_id": str(ObjectId()), "status": TenantStatus.active, "cluster": "gone", "database": "x",
                "schemaFingerprint": "older", "createdAt": now, **more,
            }  # fmt: skip
            await first.system()[TENANTS].insert(row)
            lost.append(row["_id"])
            return row["_id"]

        yield lose
        await first.system()[TENANTS].delete_many({"_id": {"$in": lost}})

    async def test_of_users(self, first, now, lose):
        lost = await lose(_id="0" * 24, credentialsRetiring=[{"epoch": 1, "until": now}])
        tenant = await first.provisioner.create(str(ObjectId()), at=now)
        await first.credentials.set_tier(tenant.id, Tier.dedicated, now)
        await first.credentials.rotate(tenant.id, now, timedelta())

        said = {mended.about: mended.what async for mended in first.care.repair(now)}

        assert said[lost] == "could not be repaired: ClusterUnknown"
        assert said[tenant.id] == f"its old MongoDB user t_{tenant.id}_e1 was dropped"

    async def test_of_ready_ones(self, first, now, lose):
        await lose(status=TenantStatus.ready, spare=True)

        assert await first.care.keep_ready(2, now) == 2

    async def test_a_row_that_nobody_can_read_is_reported_and_its_database_is_known(self, first, now):
        bad, good = "e" * 24, await first.provisioner.create(str(ObjectId()), at=now)
        name = first.declared.naming.database(bad)
        await first.clusters.client("main")[name]["notes"].insert_one({})
        await first.system()[TENANTS].insert({"_id": bad, "status": "active", "database": name})
        long_ago = now - timedelta(minutes=11)
        for key, tenant_id in (("a", bad), ("b", good.id)):
            await first.tenancy.catalog.reserve_key(key, PublicKey(tenant_id, "note", "1"), long_ago)

        said = [mended async for mended in first.care.repair(now)]

        assert [(mended.about, mended.what) for mended in said] == [
            (bad, "could not be repaired: TenantNotReady"),
        ]
        assert [
            (mended.about, "cannot be read" in mended.what) async for mended in first.care.strays()
        ] == [(bad, True)]

    async def test_a_key_of_a_kind_that_only_a_later_release_knows_is_left_alone(self, first, now):
        tenant = await first.provisioner.create(str(ObjectId()), at=now)
        key = PublicKey(tenant.id, "webhook", "1")
        await first.tenancy.catalog.reserve_key("k", key, now - timedelta(minutes=11))

        assert [mended async for mended in first.care.repair(now)] == []
        assert await first.tenancy.catalog.names_already("k", key)

    async def test_keys_of_who_is_still_imported_are_left_alone(self, first, now):
        half = await first.provisioner._begin(TenantId(str(ObjectId())), now)
        await first.tenancy.catalog.alter(
            {"_id": half.id}, {"$set": {"status": TenantStatus.importing, "importedAt": now}}
        )
        long_ago = now - timedelta(minutes=11)
        await first.tenancy.catalog.reserve_key("k", PublicKey(half.id, "note", "1"), long_ago)

        assert [mended async for mended in first.care.repair(now)] == []
        assert await first.tenancy.catalog.key("k") is None


async def test_who_is_given_more_time_at_the_last_moment_is_not_closed(first, now):
    tenant = await first.provisioner.create(str(ObjectId()), at=now)
    await first.erasure.suspend(tenant.id, erase_after=now)
    await first.erasure.suspend(tenant.id, erase_after=now + timedelta(days=30))

    await first.erasure.close_due(now)

    assert (await first.tenancy.catalog.tenant(tenant.id)).status is TenantStatus.suspended


async def test_a_tenant_whose_keys_cannot_be_looked_at_costs_one_wait(first, now, monkeypatch):
    """Its own user may have made them expensive; the keys of others are mended in the same round."""
    bad = await first.provisioner.create(str(ObjectId()), at=now)
    good = await first.provisioner.create(str(ObjectId()), at=now)
    long_ago = now - timedelta(hours=1)
    for number in range(5):
        await first.tenancy.catalog.reserve_key(f"a{number}", PublicKey(bad.id, "note", "1"), long_ago)
    await first.tenancy.catalog.reserve_key("b", PublicKey(good.id, "note", "1"), long_ago)
    asked = []

    async def mend(key, names):
        asked.append(names.tenant_id)
        if names.tenant_id == bad.id:
            raise TimeoutError
        return "mended"

    monkeypatch.setattr(first.care, "_mend_key", mend)
    said = [mended async for mended in first.care.repair_keys(now)]

    assert asked == [bad.id, good.id]
    assert [mended.about for mended in said] == [bad.id, good.id]
