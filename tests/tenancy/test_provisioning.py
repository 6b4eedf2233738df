"""A tenant's birth; what a crash leaves is in `test_crashes.py`."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.errors import DatabaseExists, TenantExists
from jazzaam.tenancy.models import TenantStatus
from jazzaam.tenancy.schema import Shape
from jazzaam.tenancy.testing import temporary_tenancy

NOTES = CollectionSpec("notes")


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
async def deployment(mongod):
    async with temporary_tenancy(lambda user: mongod.uri(user.name), Shape([NOTES])) as deployment:
        yield deployment


async def test_a_database_that_is_there_becomes_nobodys(deployment, now):
    tenant_id = str(ObjectId())
    there = deployment.clusters.client("main")[deployment.declared.naming.database(tenant_id)]
    await there["notes"].insert_one({"_id": "theirs"})

    with pytest.raises(DatabaseExists):
        await deployment.provisioner.create(tenant_id, at=now)

    assert await deployment.tenancy.catalog.tenants() == []
    assert await there["notes"].count_documents({}) == 1
    assert (await deployment.provisioner.create(str(ObjectId()), at=now)).status is TenantStatus.active


async def test_one_that_was_half_made_is_finished(deployment, now):
    tenant_id = str(ObjectId())
    row = await deployment.provisioner._begin(tenant_id, now, for_operator=True)
    await deployment.provisioner._build(row)

    made = await deployment.provisioner.create(tenant_id, at=now)

    assert made.status is TenantStatus.active
    with pytest.raises(TenantExists):
        await deployment.provisioner.create(tenant_id, at=now)


async def test_a_claim_that_was_taken_back_waits_again(deployment, now):
    await deployment.provisioner.keep_ready(1, now)
    claim = await deployment.provisioner.claim(now)
    await deployment.provisioner.unclaim(claim)

    again = await deployment.provisioner.claim(now)

    assert again.tenant.id == claim.tenant.id
    assert again.token != claim.token
