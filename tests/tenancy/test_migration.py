"""Bringing tenants to the declared shape: the fleet, one that is touched, and two releases at once."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure

from jazzaam.tenancy import schema
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.deployment import Bounds
from jazzaam.tenancy.errors import ClusterFull, TenantBusy, TenantNotReady
from jazzaam.tenancy.fleet import Fleet, FleetHalted, Rollout
from jazzaam.tenancy.migration import Superseded, register_release
from jazzaam.tenancy.models import TenantStatus, Tier
from jazzaam.tenancy.schema import Migration, Shape
from jazzaam.tenancy.testing import temporary_tenancy

ROOT = Path(__file__).parents[2]
NOTES = CollectionSpec("notes", indexes=(IndexSpec("by day", (("day", 1),)),))
TAGS = CollectionSpec("tags", validator={"$jsonSchema": {"required": ["name"]}})
STRICT = CollectionSpec("notes", indexes=NOTES.indexes, validator={"$jsonSchema": {"required": ["day"]}})
OLD = Shape([NOTES])


async def count_words(db):
    await db[NOTES].update_many({"words": {"$exists": False}}, {"$set": {"words": 0}})


DEFAULT = Rollout()
NEW = Shape([NOTES, TAGS], [Migration(1, "notes know their length", count_words)])


@pytest.fixture
async def fleet(mongod):
    """Tenants of the old release, and a process of the new one."""
    async with temporary_tenancy(lambda user: mongod.uri(user.name), OLD) as old:
        ids = []
        for number in range(6):
            tenant = await old.provisioner.create(str(ObjectId()), at=datetime.now(UTC))
            with await old.tenancy.open(tenant.id) as db:
                await db[NOTES].insert({"_id": number, "day": number})
            ids.append(tenant.id)
        yield old, ids


def names_of(deployment):
    return deployment.declared.naming.system.removesuffix("_system")


def newer(mongod, old, shape=NEW, **bounds):
    return temporary_tenancy(
        lambda user: mongod.uri(user.name), shape, names=names_of(old), bounds=Bounds(**bounds)
    )


async def behind(deployment):
    fingerprint = deployment.declared.shape.fingerprint
    return await deployment.tenancy.catalog.tenants(matching={"schemaFingerprint": {"$ne": fingerprint}})


async def migrate(deployment, rollout=DEFAULT):
    walk = Fleet(deployment.tenancy, deployment.system()).walk
    return [
        outcome async for outcome in walk(await behind(deployment), deployment.migrator.migrate, rollout)
    ]


async def test_the_fleet_is_brought_to_the_new_shape(mongod, fleet):
    old, ids = fleet
    async with newer(mongod, old) as new:
        outcomes = await migrate(new)

        assert {outcome.tenant_id for outcome in outcomes} == set(ids)
        assert await behind(new) == []
        with await new.tenancy.open(ids[0]) as db:
            assert await db[NOTES].find_one({}, {"words": 1}) == {"_id": 0, "words": 0}
            assert db.tenant.data_version == 1
        assert await migrate(new) == []


async def test_a_failing_tenant_stops_no_other_and_is_tried_again(mongod, fleet):
    old, ids = fleet
    broken = {ids[4]}

    async def sometimes(db):
        if db.tenant.id in broken:
            raise RuntimeError("no")
        await count_words(db)

    async with newer(mongod, old, Shape([NOTES], [Migration(1, "sometimes", sometimes)])) as new:
        outcomes = await migrate(new, Rollout(canaries=1, concurrency=2))
        assert [outcome.tenant_id for outcome in outcomes if outcome.error] == [ids[4]]
        assert [tenant.id for tenant in await behind(new)] == [ids[4]]

        broken.clear()
        assert [outcome.error for outcome in await migrate(new)] == [None]


async def test_one_failure_among_the_canaries_halts_it(mongod, fleet):
    old, ids = fleet

    async def never(_db):
        raise RuntimeError

    async with newer(mongod, old, Shape([NOTES], [Migration(1, "never", never)])) as new:
        with pytest.raises(FleetHalted):
            await migrate(new, Rollout(canaries=2, concurrency=1))

        assert len(await behind(new)) == len(ids)


async def test_it_halts_when_the_error_budget_is_spent(mongod, fleet):
    old, _ids = fleet
    visited = []

    async def after_the_first(db):
        visited.append(db.tenant.id)
        if len(visited) > 1:
            raise RuntimeError

    async with newer(mongod, old, Shape([NOTES], [Migration(1, "x", after_the_first)])) as new:
        with pytest.raises(FleetHalted):
            await migrate(new, Rollout(canaries=1, concurrency=1, error_budget=1))

    assert len(visited) == 3


async def test_a_migration_that_was_cut_off_runs_again_and_the_ones_before_do_not(mongod, fleet):
    old, ids = fleet
    ran = []

    async def first(db):
        ran.append(1)

    async def second(db):
        ran.append(2)
        if len(ran) < 3:
            raise RuntimeError

    shape = Shape([NOTES], [Migration(1, "first", first), Migration(2, "second", second)])
    async with newer(mongod, old, shape) as new:
        for _ in range(2):
            tenant = await new.tenancy.catalog.tenant(ids[0])
            with contextlib.suppress(RuntimeError), await new.tenancy.administer(tenant) as db:
                await new.migrator.migrate(db)

    assert ran == [1, 2, 2]


class TestTouched:
    async def test_a_request_brings_a_tenant_up_to_date_once(self, mongod, fleet):
        old, ids = fleet
        ran = []

        async def slowly(db):
            ran.append(db.tenant.id)
            await asyncio.sleep(0.05)

        async with newer(mongod, old, Shape([NOTES, TAGS], [Migration(1, "slowly", slowly)])) as new:
            handles = await asyncio.gather(*(new.tenancy.open(ids[0]) for _ in range(10)))
            for db in handles:
                db.release()
            with await new.tenancy.open(ids[0]) as db:
                assert "tags" in await db.raw.list_collection_names()

        assert ran == [ids[0]]

    async def test_a_failure_is_not_ready_and_is_tried_again(self, mongod, fleet):
        old, ids = fleet
        failing = [RuntimeError()]

        async def at_first(_db):
            if failing:
                raise failing.pop()

        shape, pause = Shape([NOTES], [Migration(1, "x", at_first)]), timedelta(seconds=0.3)
        async with newer(mongod, old, shape, touch_pause=pause) as new:
            for _ in range(3):
                with pytest.raises(TenantNotReady):
                    await new.tenancy.open(ids[0])
            await asyncio.sleep(pause.total_seconds())
            with await new.tenancy.open(ids[0]) as db:
                assert await db[NOTES].count({}) == 1

    async def test_the_last_release_serves_what_the_new_one_migrated(self, mongod, fleet):
        """During a rollout both run; the older one neither fails nor takes the change back."""
        old, ids = fleet
        async with newer(mongod, old) as new:
            with await new.tenancy.open(ids[0]):
                pass
            with await old.tenancy.open(ids[0]) as db:
                await db[NOTES].insert({"_id": 100, "day": 1})
            with await old.tenancy.open(ids[1]) as db:
                assert await db[NOTES].count({}) == 1

            now = {tenant.id: tenant for tenant in await new.tenancy.catalog.tenants()}
            assert now[ids[0]].schema_fingerprint == NEW.fingerprint
            assert now[ids[1]].schema_fingerprint == OLD.fingerprint

    async def test_a_dedicated_tenant_is_served_as_it_is_until_the_operator_migrates_it(
        self, mongod, fleet
    ):
        old, ids = fleet
        await old.credentials.set_tier(ids[0], Tier.dedicated, datetime.now(UTC))
        async with newer(mongod, old, Shape([STRICT, TAGS])) as new:
            for _ in range(2):
                with await new.tenancy.open(ids[0]) as db:
                    assert "tags" not in await db.raw.list_collection_names()
                    with pytest.raises(OperationFailure):
                        await db[TAGS].insert({"_id": 1, "name": "x"})
            assert ids[0] in {tenant.id for tenant in await behind(new)}

            assert [outcome.error for outcome in await migrate(new)] == [None] * len(ids)
            assert await behind(new) == []
            with await new.tenancy.open(ids[0]) as db:
                await db[TAGS].insert({"_id": 1, "name": "x"})


async def test_ready_tenants_of_the_last_release_are_migrated_before_they_are_claimed(mongod, fleet):
    old, _ = fleet
    await old.provisioner.keep_ready(2, datetime.now(UTC))
    async with newer(mongod, old) as new:
        cold = await new.provisioner.claim(datetime.now(UTC))
        assert cold.tenant.schema_fingerprint == NEW.fingerprint
        assert len(await new.tenancy.catalog.tenants(TenantStatus.ready)) == 2

        assert await new.care.keep_ready(2, datetime.now(UTC)) == 2

        claim = await new.provisioner.claim(datetime.now(UTC))
        assert claim.tenant.schema_fingerprint == NEW.fingerprint
        assert len(await new.tenancy.catalog.tenants(TenantStatus.ready)) == 1


async def test_a_run_that_was_killed_goes_on_where_it_ended(mongod, fleet):
    """A process migrates one tenant at a time and is killed -9 after the third."""
    old, _ids = fleet
    code = f"""
import asyncio, os, signal
from tests.tenancy.test_migration import *

async def main():
    done = 0
    async with temporary_tenancy(lambda user: os.environ[user.name], NEW, names={names_of(old)!r}) as new:
        walk = Fleet(new.tenancy, new.system()).walk
        async for _ in walk(await behind(new), new.migrator.migrate, Rollout(concurrency=1, canaries=0)):
            done += 1
            if done == 3:
                os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    uris = {name: mongod.uri(name) for name in ("jazzaam_operator", "jazzaam_watcher")}
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **uris}, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    async with newer(mongod, old) as new:
        assert 2 <= len(await behind(new)) <= 3
        outcomes = await migrate(new)
        assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
        assert await behind(new) == []


class TestTwoReleases:
    async def test_an_older_one_changes_nobody_whatever_it_has_listed(self, mongod, fleet):
        old, ids = fleet
        listed = await old.tenancy.catalog.tenants()
        async with newer(mongod, old) as new:
            outcomes = [one async for one in Fleet(old.tenancy, old.system()).walk(
                listed, old.migrator.migrate, Rollout(canaries=0, error_budget=100)
            )]  # fmt: skip
            assert {type(one.error) for one in outcomes} == {Superseded}
            with await new.tenancy.open(ids[0]) as db:
                assert "tags" in await db.raw.list_collection_names()

    async def test_who_was_changed_meanwhile_is_not_stamped(self, fleet):
        old, ids = fleet
        tenant = await old.tenancy.catalog.tenant(ids[0])
        with await old.tenancy.administer(tenant) as db:
            await old.tenancy.catalog.alter({"_id": ids[0]}, {"$set": {"schemaFingerprint": "newer"}})
            with pytest.raises(TenantBusy):
                await old.migrator.migrate(db)

        assert (await old.tenancy.catalog.tenant(ids[0])).schema_fingerprint == "newer"

    async def test_shared_collections_belong_to_the_newer_one_too(self, mongod, fleet):
        """A release that changes nothing of tenants is another release all the same."""
        old, _ = fleet
        things = CollectionSpec("things", indexes=(IndexSpec("x", (("a", 1),), unique=True),))
        async with temporary_tenancy(
            lambda user: mongod.uri(user.name), OLD, names=names_of(old), system=[things]
        ) as new:
            assert await new.migrator.leads()
            assert not await old.migrator.leads()
            await old.prepare(datetime.now(UTC))
            assert await new.migrator.leads()
            assert await schema.differences(new.system().raw, new.declared.system) == []

    async def test_looking_on_puts_no_release_in_charge(self, mongod, fleet):
        old, ids = fleet
        names = {"names": names_of(old)}
        async with temporary_tenancy(
            lambda user: mongod.uri(user.name), NEW, declare=False, **names
        ) as new:
            assert await old.migrator.leads()
            assert not await new.migrator.leads()
            with await new.tenancy.open(ids[0]) as db:
                assert "tags" not in await db.raw.list_collection_names()

    async def test_after_a_rollback_the_older_one_can_lead_again(self, mongod, fleet):
        old, _ = fleet
        now = datetime.now(UTC)
        async with newer(mongod, old) as new:
            await new.care.keep_ready(2, now)
            assert not await old.migrator.leads()
            assert await old.care.keep_ready(2, now) == 0

            await register_release(old.system(), old.migrator.release, now, again=True)

            assert await old.migrator.leads()
            assert await old.care.keep_ready(2, now) == 2
            assert not await new.migrator.leads()
            await register_release(new.system(), new.migrator.release, now)
            assert await old.migrator.leads()


async def test_who_was_erased_since_it_was_listed_is_not_visited(fleet):
    old, ids = fleet
    listed, now = await old.tenancy.catalog.tenants(), datetime.now(UTC)
    await old.erasure.suspend(ids[0])
    await old.erasure.suspend(ids[1], erase_after=now)
    await old.erasure.close_due(now)
    await old.erasure.finish(ids[1], now)

    async def visit(db):
        await db[NOTES].insert({"_id": "visited"})

    outcomes = {one.tenant_id: one async for one in old.tenancy.each(visit, tenants=listed)}

    assert {ids[0], ids[1]} == {tenant_id for tenant_id, one in outcomes.items() if one.skipped}
    there = await old.clusters.client("main").list_database_names()
    assert old.declared.naming.database(ids[1]) not in there
    assert old.declared.naming.database(ids[2]) in there


async def test_a_migration_asks_whether_there_is_room_for_its_tables(mongod, fleet):
    old, ids = fleet
    async with newer(mongod, old, table_limit=1) as new:
        tenant = await new.tenancy.catalog.tenant(ids[0])
        with await new.tenancy.administer(tenant) as db:
            with pytest.raises(ClusterFull):
                await new.migrator.migrate(db)
            assert await db.raw.list_collection_names() == ["notes"]
