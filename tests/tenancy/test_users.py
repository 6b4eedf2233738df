"""What the cluster's users may not do: the server refuses it, whatever our code does."""

from datetime import timedelta

import pytest
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from jazzaam.composition import compose
from jazzaam.tenancy.models import Tier
from jazzaam.tenancy.users import CARETAKER

DENIED = 13


@pytest.fixture
async def caretaker(mongod):
    async with AsyncMongoClient(mongod.uri(CARETAKER.name)) as client:
        yield client


@pytest.mark.parametrize(
    "command",
    [
        {"createUser": "me", "pwd": "x", "roles": ["root"]},
        {"createUser": "me", "pwd": "x", "roles": []},
        {"grantRolesToUser": "jazzaam_caretaker", "roles": ["root"]},
        {"grantRolesToRole": "jazzaam_caretaker", "roles": ["root"]},
        {"createRole": "mine", "privileges": [], "roles": ["root"]},
        {"updateRole": "jazzaam_caretaker", "roles": ["root"]},
        {"updateUser": "jazzaam_root", "pwd": "x"},
        {"revokeRolesFromUser": "jazzaam_app", "roles": ["jazzaam_app"]},
        {"setParameter": 1, "logLevel": 0},
        {"shutdown": 1},
    ],
)
async def test_what_the_worker_holds_makes_no_user_and_gives_no_right(caretaker, app, command):
    """The worker held a user with which anybody could make a root user."""
    with pytest.raises(OperationFailure) as refused:
        await caretaker.admin.command(command)

    assert refused.value.code == DENIED


async def test_it_removes_what_has_ended(app, acme, application, settings, mongod):
    acme.db.release()
    now = application.control.clock.now()
    dedicated = await application.deployment.credentials.set_tier(acme.id, Tier.dedicated, now)
    uri = SecretStr(mongod.uri(CARETAKER.name))
    as_worker = settings.model_copy(update={"mongodb_caretaker_uri": uri})
    worker = compose(as_worker, operator=CARETAKER).deployment
    async with worker.running():
        await worker.erasure.suspend(acme.id, erase_after=now - timedelta(seconds=1))
        await worker.erasure.erase(acme.id, application.control.clock.now)

    client = application.deployment.clusters.client("main")
    assert dedicated.database not in await client.list_database_names()
    assert await application.deployment.credentials.drop_all(dedicated) == []
    assert await application.deployment.erasure.is_erased(acme.id)
