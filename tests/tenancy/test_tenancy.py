import asyncio
import dataclasses

import pytest
from bson import ObjectId

from jazzaam.features import TENANT_COLLECTIONS
from jazzaam.tenancy import schema
from jazzaam.tenancy.catalog import TENANTS, PublicKey
from jazzaam.tenancy.errors import TenantExists, TenantNotFound, TenantNotReady


@pytest.fixture
def tenancy(app, application):
    return application.deployment.tenancy


@pytest.fixture
def now(application):
    return application.control.clock.now()


async def test_the_catalogs_row_comes_before_the_database(tenancy, application, now, monkeypatch):
    tenant_id, seen = str(ObjectId()), []
    build = schema.build

    async def look_and_build(database, collections):
        row = await application.deployment.system()[TENANTS].find_one({"_id": tenant_id}, {"status": 1})
        seen.append((row["status"], await database.list_collection_names()))
        await build(database, collections)

    monkeypatch.setattr(schema, "build", look_and_build)
    tenant = await tenancy.create(tenant_id, at=now)

    assert seen == [("provisioning", [])]
    assert tenant.status == "active"


async def test_a_tenant_that_was_left_half_made_is_closed_and_can_be_finished(tenancy, now, monkeypatch):
    tenant_id = str(ObjectId())

    async def crash(_database, _collections):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(schema, "build", crash)
        with pytest.raises(RuntimeError):
            await tenancy.create(tenant_id, at=now)
    with pytest.raises(TenantNotReady):
        await tenancy.open(tenant_id)

    await tenancy.create(tenant_id, at=now)

    assert (await tenancy.open(tenant_id)).tenant.id == tenant_id


async def test_a_tenant_is_made_once(tenancy, now, acme):
    with pytest.raises(TenantExists):
        await tenancy.create(acme.id, at=now)


async def test_an_unknown_tenant_is_not_found(tenancy):
    with pytest.raises(TenantNotFound):
        await tenancy.open("f" * 24)


async def test_each_visits_every_tenant_and_one_failure_stops_no_other(tenancy, acme, globex):
    visited = set()

    async def visit(db):
        visited.add(db.tenant.id)
        if db.tenant.id == acme.id:
            raise RuntimeError
        return db.tenant.database

    outcomes = {outcome.tenant_id: outcome async for outcome in tenancy.each(visit, concurrency=3)}

    assert {acme.id, globex.id} <= visited
    assert isinstance(outcomes[acme.id].error, RuntimeError)
    assert outcomes[globex.id].result == f"jazzaam_company_{globex.id}"


async def test_each_has_a_bound(tenancy, acme, globex):
    running, most = 0, 0

    async def visit(_db):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    async for _ in tenancy.each(visit, concurrency=2):
        pass

    assert most <= 2


async def test_a_key_opens_only_while_it_is_active(tenancy, acme, now):
    catalog, token = tenancy.catalog, "c" * 64
    names = PublicKey(acme.id, "form", "f" * 24)

    await catalog.reserve_key(token, names, now)
    assert await catalog.key(token) is None
    await catalog.activate_key(token)
    await catalog.activate_key(token)
    assert await catalog.key(token) == names
    await catalog.release_key(token)
    async with asyncio.timeout(1.1):
        while await catalog.key(token) is not None:
            await asyncio.sleep(0.01)


def test_the_fingerprint_changes_with_any_index_or_validator():
    whole = schema.fingerprint(TENANT_COLLECTIONS)
    first, *rest = TENANT_COLLECTIONS

    assert schema.fingerprint([*reversed(rest), first]) == whole
    assert schema.fingerprint(rest) != whole
    assert schema.fingerprint([dataclasses.replace(first, indexes=()), *rest]) != whole
    assert schema.fingerprint([dataclasses.replace(first, validator={"x": 1}), *rest]) != whole
