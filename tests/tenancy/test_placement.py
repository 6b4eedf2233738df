"""Several clusters, and how many tables each may hold."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient

from jazzaam.embedded.find import find_mongod
from jazzaam.embedded.mongod import running_mongod
from jazzaam.tenancy.clusters import CONNECT_SECONDS, Cluster
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.deployment import Bounds
from jazzaam.tenancy.errors import ClusterFull, ClusterSilent
from jazzaam.tenancy.models import TenantStatus
from jazzaam.tenancy.placement import TableBudget, budget_of
from jazzaam.tenancy.schema import Shape
from jazzaam.tenancy.testing import temporary_tenancy
from jazzaam.tenancy.users import CLUSTER_USERS

NOTES = CollectionSpec("notes", indexes=(IndexSpec("by day", (("day", 1),)),))
SHAPE = Shape([NOTES])
NOW = datetime.now(UTC)


def test_a_budget_is_the_descriptors_less_a_reserve():
    status = {
        "catalogStats": {"collections": 100, "internalCollections": 20},
        "indexStats": {"count": 180},
        "connections": {"current": 10, "available": 790},
    }

    assert budget_of(status, None) == TableBudget(used=300, limit=750)
    assert budget_of(status, 500) == TableBudget(used=300, limit=500)
    assert budget_of(status, 5000) == TableBudget(used=300, limit=750)
    assert budget_of({"connections": {}}, 500) is None


def test_the_last_tenth_is_kept_from_sign_ups():
    budget = TableBudget(used=880, limit=1000)

    assert budget.room(for_operator=False) == 20
    assert budget.room(for_operator=True) == 120


async def tables_of(client):
    status = await client.admin.command("serverStatus")
    return budget_of(status, None).used


async def sign_up_until_refused(deployment):
    for made in range(100):
        try:
            await deployment.provisioner.claim(NOW)
        except ClusterFull:
            return made
    raise AssertionError


def test_a_full_cluster_is_a_503():
    assert ClusterFull.status == 503


async def test_a_sign_up_is_refused_before_the_mongod_is_full(mongod, root):
    async with temporary_tenancy(lambda user: mongod.uri(user.name), SHAPE) as first:
        used = await tables_of(root)
        limit = int((used + 10) / 0.9)
        names = first.declared.naming.system.removesuffix("_system")
        bounds = Bounds(table_limit=limit)
        async with temporary_tenancy(
            lambda user: mongod.uri(user.name), SHAPE, names=names, bounds=bounds
        ) as full:
            made = await sign_up_until_refused(full)
            assert 1 <= made <= 10 // SHAPE.tables + 1

            await full.provisioner.create(str(ObjectId()), at=NOW)
            rows = await full.tenancy.catalog.tenants()
            assert len(rows) == made + 1
            assert await tables_of(root) <= limit


async def test_a_new_tenant_goes_where_the_most_room_is(mongod, tmp_path):
    second = tmp_path / "second"
    second.mkdir(mode=0o700)
    async with running_mongod(find_mongod().path, second, CLUSTER_USERS) as (endpoint, _):
        other = Cluster("second", lambda user: endpoint.uri(user.name))
        async with temporary_tenancy(
            lambda user: mongod.uri(user.name), SHAPE, clusters=[other], bounds=Bounds(table_limit=15_000)
        ) as deployment:
            placed = [await deployment.provisioner.create(str(ObjectId()), at=NOW) for _ in range(4)]

            assert {tenant.cluster for tenant in placed} == {"second"}
            for tenant in placed:
                with await deployment.tenancy.open(tenant.id) as db:
                    await db[NOTES].insert({"_id": 1})
            async with AsyncMongoClient(endpoint.uri("jazzaam_root")) as there:
                assert await there[placed[0].database]["notes"].count_documents({}) == 1


async def test_a_cluster_that_does_not_answer_is_named_with_the_wait(mongod):
    nobody = Cluster("gone", lambda _user: "mongodb://127.0.0.1:1/?directConnection=true")

    with pytest.raises(ClusterSilent) as refused:
        async with temporary_tenancy(
            lambda user: mongod.uri(user.name), SHAPE, clusters=[nobody], connect_seconds=0.5
        ):
            pass

    assert "'gone' does not answer; waited 0.5 s" in refused.value.detail
    assert "\n" not in refused.value.detail


async def test_a_sign_up_is_not_given_a_tenant_on_a_cluster_that_is_away(mongod, tmp_path):
    second = tmp_path / "second"
    second.mkdir(mode=0o700)
    async with AsyncExitStack() as ending, AsyncExitStack() as running:
        started = running_mongod(find_mongod().path, second, CLUSTER_USERS)
        endpoint, _ = await running.enter_async_context(started)
        other = Cluster("second", lambda user: endpoint.uri(user.name))
        deployment = await ending.enter_async_context(
            temporary_tenancy(
                lambda user: mongod.uri(user.name),
                SHAPE,
                clusters=[other],
                bounds=Bounds(table_limit=15_000),
            )
        )
        assert await deployment.provisioner.keep_ready(1, NOW) == 1
        ready = (await deployment.tenancy.catalog.tenants(TenantStatus.ready))[0]
        assert ready.cluster == "second"
        await running.aclose()

        loop = asyncio.get_running_loop()
        claimed = await deployment.provisioner.claim(NOW)
        began = loop.time()
        again = await deployment.provisioner.claim(NOW)

        assert loop.time() - began < CONNECT_SECONDS / 2
        assert {claimed.tenant.cluster, again.tenant.cluster} == {"main"}
        assert await deployment.tenancy.catalog.tenants(TenantStatus.ready) == [ready]
