import asyncio
from datetime import UTC, datetime

import pytest
from bson import ObjectId

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.control.unscoped import UNSCOPED_REASONS
from jazzaam.crm.leads.models import LEADS
from jazzaam.features import FEATURES, SHAPE, SYSTEM_COLLECTIONS, TENANT_COLLECTIONS
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.change import change
from jazzaam.tenancy.database import UNSCOPED_COMMENT, CompanyScope
from jazzaam.tenancy.errors import ConcurrentChange, UnscopedAccess

NINE = "companies invitations billinghistories auditlogs services waitlists contactus otps crmintegrations"
SEVEN = "leads forms dealhealths engagementhistories followups nextbestactions notifications"
OURS = "jobs activities submissions trash idempotency settings imports searchterms formstats"


def test_the_collections_are_those_of_the_architecture():
    at_birth = {spec.name for spec in TENANT_COLLECTIONS if not spec.at_first_use}
    later = {spec.name for spec in TENANT_COLLECTIONS if spec.at_first_use}
    assert at_birth == set(f"{SEVEN} {OURS}".split())
    assert later == {f"{one}.{part}" for one in ("files", "exports") for part in ("files", "chunks")} | {
        "exports"
    }
    assert {spec.name for spec in SYSTEM_COLLECTIONS} >= set(NINE.split())


def test_a_tenant_is_born_with_at_most_sixteen_collections_and_sixty_tables():
    at_birth = [spec for spec in TENANT_COLLECTIONS if not spec.at_first_use]

    assert len(at_birth) <= 16
    assert SHAPE.tables == sum(2 + len(spec.indexes) for spec in at_birth) <= 60


def test_every_index_says_what_it_is_for_and_has_a_name_of_its_own():
    for spec in (*TENANT_COLLECTIONS, *SYSTEM_COLLECTIONS):
        names = [index.name for index in spec.indexes]
        assert len(set(names)) == len(names)
        assert all(index.purpose for index in spec.indexes)


async def test_the_nine_system_collections_are_there_from_the_start(app, application):
    main = application.deployment.clusters.client("main")

    assert set(NINE.split()) <= set(await main["jazzaam_system"].list_collection_names())


class TestSharedCollections:
    async def test_rows_of_several_companies_open_with_a_company_only(self, application):
        system = application.deployment.system()

        for spec in SYSTEM_COLLECTIONS:
            if spec.owner_key is not None:
                with pytest.raises(UnscopedAccess):
                    system[spec]
        with pytest.raises(UnscopedAccess):
            CompanyScope(system, ObjectId())[TENANTS]

    def test_what_holds_rows_of_companies_says_so(self):
        owned = {spec.name for spec in SYSTEM_COLLECTIONS if spec.owner_key is not None}

        assert owned >= {
            "companies", "memberships", "sessions", "invitations", "billinghistories", "auditlogs",
            "crmintegrations",
        }  # fmt: skip

    async def test_a_scope_is_in_every_filter_and_every_insert(self, acme, globex, application):
        system = application.deployment.system()
        ours, theirs = (
            CompanyScope(system, ObjectId(company.id))[MEMBERSHIPS] for company in (acme, globex)
        )

        assert await ours.count({}) == 1
        assert await ours.find_one({"companyId": ObjectId(globex.id)}, {"_id": 1}) is not None
        assert await ours.update_many({}, {"$set": {"touched": True}}) == 1
        assert await theirs.count({"touched": True}) == 0
        rows = await (await ours.aggregate([{"$project": {"companyId": 1}}])).to_list()
        assert [row["companyId"] for row in rows] == [ObjectId(acme.id)]
        row = {
            "accountId": ObjectId(),
            "role": "viewer",
            "isActive": False,
            "companyId": ObjectId(globex.id),
        }
        await ours.insert({"_id": ObjectId(), **row})
        assert await theirs.count({"role": "viewer"}) == 0
        assert await ours.delete_many({}) == 2
        assert await theirs.count({}) == 1

    async def test_no_query_that_was_sent_lacks_its_company(self, client, acme, commands, application):
        """Watch what is really sent while the account routes run."""
        commands.seen.clear()
        await client.get("/api/v1/me", headers=acme.headers)
        await client.post("/api/v1/auth/login", json={"email": acme.email, "password": "wrong password"})
        await client.post("/api/v1/auth/refresh", json={"refreshToken": acme.refresh_token})

        assert unscoped(commands.seen) == []
        assert any("memberships" in event.command.values() for event in commands.seen)

    async def test_a_query_without_its_company_is_noticed(self, commands, application):
        """The positive control of the test above."""
        commands.seen.clear()
        database = application.deployment.clusters.client("main")["jazzaam_system"]
        await database["memberships"].find_one({"role": "owner"})
        await database["companies"].update_one({"email": "x"}, {"$set": {"a": 1}})

        assert len(unscoped(commands.seen)) == 2


def unscoped(events):
    """Find the commands on shared collections that name neither a company nor an allowed reason."""
    owners = {
        spec.name: spec.owner_key
        for feature in FEATURES
        for spec in feature.system_collections
        if spec.owner_key
    }
    found = []
    for event in events:
        collection = event.command.get(event.command_name)
        if event.database_name != "jazzaam_system" or collection not in owners:
            continue
        reason = str(event.command.get("comment", "")).removeprefix(UNSCOPED_COMMENT)
        if reason in UNSCOPED_REASONS:
            continue
        filters = [event.command[name] for name in ("filter", "query") if name in event.command]
        filters += [update["q"] for update in event.command.get("updates", ())]
        filters += [delete["q"] for delete in event.command.get("deletes", ())]
        filters += event.command.get("documents", ())
        if any(owners[collection] not in filter_ for filter_ in filters):
            found.append(event.command)
    return found


class TestChange:
    async def test_all_or_nothing(self, acme):
        async def work():
            await acme.db[LEADS].insert(lead(1))
            await acme.db[LEADS].insert(lead(2))
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await change(acme.db, work)

        assert await acme.db[LEADS].count({}) == 0

    async def test_reads_in_a_change_see_its_writes_and_others_do_not(self, acme, application):
        other = await application.deployment.tenancy.open(acme.id)

        async def work():
            await acme.db[LEADS].insert(lead(1))
            return await acme.db[LEADS].count({}), await other[LEADS].count({})

        assert await change(acme.db, work) == (1, 0)
        assert await other[LEADS].count({}) == 1

    async def test_a_conflict_runs_all_of_it_again(self, acme, application):
        await acme.db[LEADS].insert(lead(1, hits=0))

        async def bump(db):
            async def work():
                row = await db[LEADS].find_one({"n": 1}, {"hits": 1})
                await asyncio.sleep(0.001)
                await db[LEADS].update_one({"_id": row["_id"]}, {"$set": {"hits": row["hits"] + 1}})

            await change(db, work)

        handles = [await application.deployment.tenancy.open(acme.id) for _ in range(10)]
        await asyncio.gather(*(bump(db) for db in handles))

        assert (await acme.db[LEADS].find_one({"n": 1}, {"hits": 1}))["hits"] == 10

    async def test_a_handle_in_a_change_is_of_its_task_alone(self, acme):
        async def elsewhere():
            await acme.db[LEADS].count({})

        async def work():
            with pytest.raises(ConcurrentChange):
                await asyncio.create_task(elsewhere())
            with pytest.raises(ConcurrentChange):
                await change(acme.db, nothing)

        async def nothing():
            pass

        await change(acme.db, work)
        await acme.db[LEADS].count({})

    async def test_a_change_that_is_cancelled_leaves_nothing(self, acme):
        started = asyncio.Event()

        async def work():
            await acme.db[LEADS].insert(lead(1))
            started.set()
            await asyncio.sleep(60)

        task = asyncio.create_task(change(acme.db, work))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await acme.db[LEADS].count({}) == 0


def lead(number, **more):
    return {
        "_id": ObjectId(),
        "platform": "other",
        "status": "new",
        "createdAt": datetime.now(UTC),
        "n": number,
        **more,
    }


async def test_an_account_is_found_by_its_own_company_scope(acme, application):
    row = await CompanyScope(application.deployment.system(), ObjectId(acme.id))[COMPANIES].find_one(
        {}, {"email": 1}
    )

    assert row["email"] == acme.email
