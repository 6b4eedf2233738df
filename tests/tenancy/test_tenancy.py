import asyncio
import dataclasses

import pytest

from jazzaam.features import TENANT_COLLECTIONS
from jazzaam.tenancy import schema
from jazzaam.tenancy.catalog import PublicKey
from jazzaam.tenancy.errors import TenantNotFound


@pytest.fixture
def tenancy(app, application):
    return application.deployment.tenancy


@pytest.fixture
def now(application):
    return application.control.clock.now()


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


async def test_a_key_is_changed_by_who_names_the_same_thing_alone(tenancy, acme, globex, now):
    """What is given as a key may come from a document that a tenant wrote itself."""
    catalog, token = tenancy.catalog, "d" * 64
    theirs, ours = PublicKey(globex.id, "form", "f" * 24), PublicKey(acme.id, "form", "f" * 24)
    await catalog.reserve_key(token, theirs, now)

    for key in (token, {"$regex": "^d"}, {"$ne": ""}):
        await catalog.activate_key(key, ours)
        await catalog.release_key(key, ours)
    assert await catalog.key(token) is None
    assert await catalog.names_already(token, theirs)

    await catalog.activate_key(token, theirs)
    assert await catalog.key(token) == theirs
    await catalog.release_key(token, theirs)


async def test_a_key_opens_only_while_it_is_active(tenancy, acme, now):
    catalog, token = tenancy.catalog, "c" * 64
    names = PublicKey(acme.id, "form", "f" * 24)

    await catalog.reserve_key(token, names, now)
    assert await catalog.key(token) is None
    for _ in range(2):
        await catalog.activate_key(token, names)
    assert await catalog.key(token) == names
    await catalog.release_key(token, names)
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
