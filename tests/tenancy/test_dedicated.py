"""The tier *dedicated*: what our code must not do, MongoDB refuses."""

import asyncio
import gc
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from tests.conftest import at_work, forget_tenants
from tests.isolation.test_doors import PROFILE

from jazzaam.composition import compose
from jazzaam.config import ClusterUris
from jazzaam.crm.dependencies import workspace_for_operator
from jazzaam.crm.forms import service as forms
from jazzaam.crm.forms.models import FormType
from jazzaam.crm.leads.models import LEADS
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.encryption import Cipher, Place, Undecryptable
from jazzaam.jobs.clocks import RELAYS
from jazzaam.signing import Keyring
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.client_pool import ClientPool, PoolPolicy
from jazzaam.tenancy.credentials import UserTaken
from jazzaam.tenancy.errors import ClusterAway, HandleReleased, TenantBusy, TenantSuspended
from jazzaam.tenancy.models import Tier

DENIED, NO_SUCH_COLLECTION = 13, 9


@pytest.fixture
def deployment(application):
    return application.deployment


@pytest.fixture
def now(application):
    return application.control.clock.now()


@pytest.fixture
async def dedicated(acme, deployment, now):
    """Acme, with a MongoDB user of its own."""
    acme.db.release()
    tenant = await deployment.credentials.set_tier(acme.id, Tier.dedicated, now)
    yield tenant
    await deployment.credentials.drop_all(tenant)


def lead():
    return {"_id": ObjectId(), "platform": "other", "status": "new", "createdAt": None}


class Nothing:
    """A client that holds nothing open."""

    async def close(self):
        pass


async def nothing():
    return Nothing()


async def refused(attempt):
    with pytest.raises(OperationFailure) as failure:
        await attempt
    return failure.value.code


class TestTheServerRefuses:
    """Whatever our code did wrong: the tenant's client reaches no other tenant."""

    @pytest.fixture
    async def reach(self, dedicated, globex, deployment):
        """Acme's own client, the database it may use, and the one it may not."""
        with await deployment.tenancy.open(dedicated.id) as db:
            client = db.raw.client
            await client[dedicated.database]["leads"].insert_one(
                {**lead(), "createdAt": globex.db.tenant.created_at}
            )
            yield client, client[dedicated.database], client[globex.db.tenant.database]

    async def test_reading_and_writing(self, reach):
        _, own, theirs = reach

        assert await own["leads"].find_one({}) is not None
        assert await refused(theirs["leads"].find_one({})) == DENIED
        assert await refused(theirs["leads"].insert_one({})) == DENIED
        assert await refused(theirs["leads"].update_many({}, {"$set": {"x": 1}})) == DENIED
        assert await refused(theirs["leads"].delete_many({})) == DENIED
        assert await refused(theirs.command("listCollections")) == DENIED

    async def test_pipelines_that_write_elsewhere(self, reach):
        _, own, theirs = reach
        out = {"db": theirs.name, "coll": "leads"}

        assert await refused(own["leads"].aggregate([{"$out": out}])) == DENIED
        assert await refused(own["leads"].aggregate([{"$merge": {"into": out}}])) == DENIED
        assert (
            await refused(own["leads"].aggregate([{"$out": {"db": own.name, "coll": "copied"}}])) == DENIED
        )

    async def test_pipelines_that_read_elsewhere(self, reach):
        _, own, theirs = reach
        elsewhere = {"from": {"db": theirs.name, "coll": "leads"}, "pipeline": [], "as": "found"}

        assert await refused(own["leads"].aggregate([{"$lookup": elsewhere}])) == NO_SUCH_COLLECTION
        here = {"from": "leads", "pipeline": [], "as": "found"}
        assert len(await (await own["leads"].aggregate([{"$lookup": here}])).to_list()) == 1

    async def test_what_takes_tables_that_all_tenants_share(self, reach):
        """Its own user could make collections, views and indexes without end."""
        _, own, _ = reach
        before = await own.list_collection_names()

        for attempt in (
            own.create_collection("mine"),
            own.create_collection("view", viewOn="leads", pipeline=[]),
            own["undeclared"].insert_one({}),
            own["undeclared"].update_one({}, {"$set": {"x": 1}}, upsert=True),
            own["leads"].create_index("anything"),
            own["leads"].drop_index("facets_1_createdAt_-1__id_-1"),
            own["leads"].drop(),
            own["leads"].rename("others"),
            own.command("collMod", "leads", validator={}),
            own["leads"].aggregate([{"$merge": {"into": "undeclared"}}]),
        ):
            assert await refused(attempt) == DENIED

        assert await own.list_collection_names() == before

    async def test_what_rules_databases_and_users(self, reach):
        client, own, theirs = reach

        assert await refused(client.drop_database(theirs.name)) == DENIED
        assert await refused(client.drop_database(own.name)) == DENIED
        move = {"renameCollection": f"{own.name}.leads", "to": f"{theirs.name}.stolen"}
        assert await refused(client.admin.command(move)) == DENIED
        new_user = {"createUser": "me", "pwd": "x", "roles": [{"role": "root", "db": "admin"}]}
        assert await refused(client.admin.command(new_user)) == DENIED
        assert await refused(own.command(new_user)) == DENIED

    async def test_it_sees_its_own_database_alone(self, reach):
        client, own, _ = reach

        assert await client.list_database_names() == [own.name]

    async def test_the_shared_database_too(self, reach):
        client, _, _ = reach

        assert await refused(client["jazzaam_system"]["companies"].find_one({})) == DENIED
        assert await refused(client["jazzaam_system"]["tenants"].find_one({})) == DENIED


async def test_everything_of_a_dedicated_tenant_runs_as_itself(
    client, acme, dedicated, root, application, deployment
):
    """The profiler sees nothing of *app*, and of *relay* nothing outside `jobs`."""
    database = root[dedicated.database]
    await database.command("profile", 2)
    try:
        created = await client.post(
            "/api/v1/leads", json={"platform": "other", "fullName": "Ada"}, headers=acme.headers
        )
        assert created.status_code == 201, created.text
        listed = await client.get("/api/v1/leads", headers=acme.headers)
        assert len(listed.json()["items"]) == 1
        await client.patch(
            created.headers["location"], json={"fullName": "Ada Lovelace"}, headers=acme.headers
        )
        form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
        sent = await client.post(f"/api/v1/public/forms/{form['accessToken']}/submissions", json=PROFILE)
        assert sent.status_code == 201, sent.text
        await work_until_notified(application, dedicated.id)
        await client.delete(created.headers["location"], headers=acme.headers)
    finally:
        await database.command("profile", 0)

    seen = [row async for row in database["system.profile"].find({})]
    users = {row["user"].partition("@")[0] for row in seen}
    own = f"t_{dedicated.id}_e1"
    assert own in users
    assert users <= {own, "jazzaam_relay", "jazzaam_root", "__system", ""}
    by_relay = [row for row in seen if row["user"].startswith("jazzaam_relay")]
    assert by_relay
    assert {row["ns"] for row in by_relay} == {f"{dedicated.database}.jobs"}


async def work_until_notified(application, tenant_id):
    """Run a real relay, that looks everywhere first, until the tenant's job has had its effect."""
    await application.deployment.system()[RELAYS].delete_many({})
    async with at_work(application), asyncio.timeout(20):
        while True:
            with await application.deployment.tenancy.open(tenant_id) as db:
                if await db[NOTIFICATIONS].count({}):
                    return
            await asyncio.sleep(0.05)


class TestCredentials:
    async def test_the_secret_is_encrypted_and_bound_to_its_place(self, dedicated, deployment, application):
        row = await deployment.system()[TENANTS].find_one({"_id": dedicated.id}, {"credential": 1})
        stored, cipher = row["credential"]["secret"], application.cipher

        where = Place(dedicated.id, "tenants", dedicated.id, "credential.secret")
        assert len(cipher.decrypt(stored, where)) >= 32
        for elsewhere in (
            where._replace(tenant="f" * 24),
            where._replace(row="f" * 24),
            where._replace(collection="companies"),
            where._replace(field="password"),
        ):
            with pytest.raises(Undecryptable):
                cipher.decrypt(stored, elsewhere)
        with pytest.raises(Undecryptable):
            cipher.decrypt({**stored, "c": stored["c"][:-1] + b"x"}, where)
        with pytest.raises(Undecryptable):
            Cipher(Keyring(["another key of thirty-two bytes..."])).decrypt(stored, where)

    async def test_data_written_before_is_there_and_back_again(self, acme, deployment, now):
        await acme.db[LEADS].insert({**lead(), "createdAt": now})
        tenant = await deployment.credentials.set_tier(acme.id, Tier.dedicated, now)
        assert tenant.tier is Tier.dedicated
        with await deployment.tenancy.open(acme.id) as db:
            assert await db[LEADS].count({}) == 1

        tenant = await deployment.credentials.set_tier(acme.id, Tier.shared, now, timedelta())
        await deployment.credentials.retire(acme.id, now)

        assert tenant.tier is Tier.shared
        with await deployment.tenancy.open(acme.id) as db:
            assert await db[LEADS].count({}) == 1

    async def test_rotating_lets_running_work_end(self, dedicated, deployment, now, root):
        with await deployment.tenancy.open(dedicated.id) as before:
            rotated = await deployment.credentials.rotate(dedicated.id, now)
            assert rotated.credential.epoch == 2
            await before[LEADS].count({})
            with await deployment.tenancy.open(dedicated.id) as after:
                await after[LEADS].insert({**lead(), "createdAt": now})
            assert await before[LEADS].count({}) == 1

        assert await deployment.credentials.retire(dedicated.id, now + timedelta(seconds=59)) == []
        assert await deployment.credentials.retire(dedicated.id, now + timedelta(seconds=60)) == [
            f"t_{dedicated.id}_e1"
        ]
        users = (await root.admin.command("usersInfo"))["users"]
        assert [user["user"] for user in users if dedicated.id in user["user"]] == [f"t_{dedicated.id}_e2"]
        with await deployment.tenancy.open(dedicated.id) as db:
            assert await db[LEADS].count({}) == 1

    async def test_a_user_of_another_installation_is_never_touched(self, acme, deployment, now, root):
        name, theirs = f"t_{acme.id}_e1", {"jazzaam": "other_system"}
        await root.admin.command("createUser", name, pwd="theirs", roles=[], customData=theirs)
        acme.db.release()
        try:
            with pytest.raises(UserTaken):
                await deployment.credentials.set_tier(acme.id, Tier.dedicated, now)
            assert await deployment.credentials.drop_all(acme.db.tenant) == []
            there = (await root.admin.command("usersInfo", name))["users"]
            assert [user["customData"] for user in there] == [theirs]
        finally:
            await root.admin.command("dropUser", name)

        with await deployment.tenancy.open(acme.id) as db:
            assert db.tenant.tier is Tier.shared
        assert (await deployment.credentials.set_tier(acme.id, Tier.dedicated, now)).tier is Tier.dedicated
        await deployment.credentials.drop_all(acme.db.tenant)

    async def test_a_cluster_that_is_away_is_asked_by_one_and_not_by_all(self, dedicated, settings):
        gone = {"gone": ClusterUris(app=SecretStr("mongodb://127.0.0.1:1/?directConnection=true"))}
        update = {"clusters": gone, "mongodb_connect_seconds": 2.0}
        process = compose(settings.model_copy(update=update)).deployment
        away = replace(dedicated, cluster="gone")
        loop = asyncio.get_running_loop()

        with pytest.raises(ClusterAway):
            await process.credentials.connect(away)
        began = loop.time()
        for _ in range(20):
            with pytest.raises(ClusterAway):
                await process.credentials.connect(away)

        assert loop.time() - began < 2
        await (await process.credentials.connect(dedicated)).close()
        await process.close()

    async def test_only_one_change_at_a_time(self, dedicated, deployment, now):
        await deployment.system()[TENANTS].update_one(
            {"_id": dedicated.id}, {"$set": {"credentialPending": 2, "credentialBegunAt": now}}
        )

        with pytest.raises(TenantBusy):
            await deployment.credentials.rotate(dedicated.id, now)

        assert await deployment.credentials.undo(dedicated.id)
        assert (await deployment.credentials.rotate(dedicated.id, now)).credential.epoch == 3


class TestHandles:
    async def test_a_handle_that_was_given_back_does_nothing(self, acme, deployment):
        with await deployment.tenancy.open(acme.id) as db:
            rows = db[LEADS]
            await rows.count({})

        with pytest.raises(HandleReleased):
            await rows.count({})

    async def test_a_request_gives_its_client_back(self, client, acme, dedicated, deployment):
        for _ in range(3):
            assert (await client.get("/api/v1/leads", headers=acme.headers)).status_code == 200
        assert (await client.get("/api/v1/leads/" + "f" * 24, headers=acme.headers)).status_code == 404

        mine = deployment.tenancy.pool.statistics().clients[f"t_{dedicated.id}_e1"]
        assert mine.leases == 0

    async def test_suspending_closes_it_too(self, client, acme, dedicated, deployment):
        assert (await client.get("/api/v1/leads", headers=acme.headers)).status_code == 200
        await deployment.erasure.suspend(dedicated.id)

        with pytest.raises(TenantSuspended):
            await deployment.tenancy.open(dedicated.id)

        await deployment.erasure.resume(dedicated.id)
        assert (await client.get("/api/v1/leads", headers=acme.headers)).status_code == 200

    async def test_a_session_that_ended_while_its_request_waited_for_a_client_is_refused(
        self, client, acme, dedicated, deployment
    ):
        pool = deployment.tenancy.pool
        taken = [await pool.lease(f"taken-{number}", nothing) for number in range(pool.policy.size)]
        lead = {"platform": "other", "fullName": "Ada"}
        waiting = asyncio.create_task(client.post("/api/v1/leads", json=lead, headers=acme.headers))
        async with asyncio.timeout(5):
            while not pool.statistics().waiting:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert (await client.post("/api/v1/auth/logout", headers=acme.headers)).status_code == 204
        for lease in taken:
            lease.release()

        assert (await waiting).status_code == 401
        with await deployment.tenancy.open(dedicated.id) as db:
            assert await db[LEADS].count({}) == 0

    async def test_one_suspended_while_it_waited_for_a_client_is_refused(
        self, dedicated, deployment, monkeypatch
    ):
        connect = deployment.credentials.connect

        async def slow(self, tenant):
            await deployment.erasure.suspend(tenant.id)
            return await connect(tenant)

        monkeypatch.setattr(type(deployment.credentials), "connect", slow)

        with pytest.raises(TenantSuspended):
            await deployment.tenancy.open(dedicated.id)

        assert deployment.tenancy.pool.statistics().leased == 0


@pytest.fixture
async def many(request, deployment, now, application, root):
    """Dedicated companies, as many as asked for, with their leads alone.

    One takes 72 tables, and a mongod that may open 20,000 files has room for some 200 of them.
    """
    tenants = []
    try:
        for _ in range(request.param):
            tenant = await deployment.provisioner.create(str(ObjectId()), at=now)
            tenants.append(await deployment.credentials.set_tier(tenant.id, Tier.dedicated, now))
            for name in await root[tenant.database].list_collection_names():
                if name != LEADS.name:
                    await root[tenant.database].drop_collection(name)
        yield tenants
    finally:
        for tenant in tenants:
            await deployment.credentials.drop_all(tenant)
        await forget_tenants(application, [tenant.id for tenant in tenants])


@pytest.mark.parametrize(
    ("many", "size"), [(12, 4), pytest.param(200, 50, marks=pytest.mark.slow)], indirect=["many"]
)
async def test_more_tenants_than_clients_take_turns_and_no_request_fails(many, size, settings, app):
    process = compose(settings.model_copy(update={"client_pool_size": size})).deployment
    most, turns = 0, asyncio.Semaphore(size + 10)

    async def request(tenant):
        nonlocal most
        async with turns:
            with await process.tenancy.open(tenant.id) as db:
                most = max(most, process.tenancy.pool.statistics().open)
                await db[LEADS].insert({**lead(), "createdAt": tenant.created_at})

    async with process.running():
        for _ in range(3):
            async with asyncio.TaskGroup() as group:
                for tenant in many:
                    group.create_task(request(tenant))
        statistics = process.tenancy.pool.statistics()
        for tenant in many:
            with await process.tenancy.open(tenant.id) as db:
                assert await db[LEADS].count({}) == 3

    assert most == size
    assert statistics.evicted >= len(many)


@pytest.mark.parametrize("many", [3], indirect=True)
@pytest.mark.parametrize("cycles", [30, pytest.param(300, marks=pytest.mark.slow)])
async def test_opening_and_evicting_again_and_again_leaves_nothing(many, cycles, settings, root):
    """The guide's leak test: sockets here and connections there come back to what they were."""
    now, deployment = [0.0], compose(settings).deployment
    pool = ClientPool(PoolPolicy(size=2, idle_for=timedelta(minutes=5)), monotonic=lambda: now[0])

    async def cycle(times):
        for _ in range(times):
            for tenant in many:
                lease = await pool.lease(
                    tenant.id, lambda tenant=tenant: deployment.credentials.connect(tenant)
                )
                await lease.client[tenant.database]["leads"].find_one({})
                lease.release()
            now[0] += 301
            assert pool.sweep() == 2
        await pool.close()
        gc.collect()
        clients = sum(issubclass(type(one), AsyncMongoClient) for one in gc.get_objects())
        return len(list(Path("/proc/self/fd").iterdir())), tracemalloc.get_traced_memory()[0], clients

    async def own_connections():
        sessions = await root.admin.aggregate([{"$currentOp": {"allUsers": True, "idleConnections": True}}])
        ours = {f"t_{tenant.id}_e1" for tenant in many}
        return [
            one async for one in sessions if ours & {user["user"] for user in one.get("effectiveUsers", ())}
        ]

    tracemalloc.start()
    try:
        before = await cycle(3)
        after = await cycle(cycles)
    finally:
        tracemalloc.stop()

    assert after[0] <= before[0] + 2
    assert after[1] <= before[1] + 1_000_000
    assert after[2] <= before[2]
    async with asyncio.timeout(10):
        while await own_connections():
            await asyncio.sleep(0.05)
    assert pool.statistics().opened == 3 * (3 + cycles)


async def test_a_platform_form_of_a_dedicated_company(acme, dedicated, deployment, application):
    """A form's key stands in the shared database, its form in the tenant's: each written by who may."""
    with await deployment.tenancy.open(dedicated.id) as db:
        workspace = workspace_for_operator(db, application.workspaces)
        form = await forms.create_platform_form(workspace, FormType.meta)

    assert await deployment.tenancy.catalog.key(form["accessToken"]) is not None
