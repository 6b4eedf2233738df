"""A tenant in a file: everything, at one time; and a file that is believed in nothing."""

import asyncio
import contextlib
import hashlib
import os
import stat
import struct
import subprocess
import sys
from functools import partial

import bson
import pytest
import zstandard
from bson import DatetimeMS, ObjectId
from pymongo import MongoClient
from tests.conftest import forget_tenants

from jazzaam.cli import capsules
from jazzaam.composition import compose
from jazzaam.control.memberships.repository import memberships_of
from jazzaam.crm.forms import service as forms
from jazzaam.crm.forms.models import FORMS, FormType
from jazzaam.crm.leads.models import LEADS
from jazzaam.errors import InvalidInput
from jazzaam.features import SHAPE
from jazzaam.signing import Keyring
from jazzaam.tenancy import schema
from jazzaam.tenancy.capsule import _publish
from jazzaam.tenancy.capsule_check import check
from jazzaam.tenancy.capsule_format import MAGIC, CapsuleRefused, Kind, Writer, end_after
from jazzaam.tenancy.catalog import PublicKey
from jazzaam.tenancy.errors import DatabaseExists, TenantExists, TenantNotReady
from jazzaam.tenancy.models import TenantId, TenantStatus
from jazzaam.tenancy.steps import Step
from jazzaam.tenancy.users import OPERATOR

LEADS_EACH = 2500
LEAD = {"platform": "other", "status": "new", "createdAt": ObjectId().generation_time}


@pytest.fixture
async def full(acme, application):
    """Acme with leads, forms, jobs and trash."""
    await acme.db[LEADS].insert_all(lead(number) for number in range(LEADS_EACH))
    await forms.create_platform_form(acme.workspace, FormType.linkedin)
    return acme


def lead(number):
    return {
        "_id": ObjectId(),
        "platform": "other",
        "status": "new",
        "fullName": f"Lead {number}",
        "createdAt": ObjectId().generation_time,
        "n": number,
    }


@pytest.fixture
def load(operator):
    """Import a capsule; what was made goes with the test."""
    made = []

    async def load(path, **options):
        said = []
        options = {"as_id": None, "accept_foreign": None, "plan": None, "owner": None, **options}
        await capsules.import_tenant(operator, path, **options, say=said.append)
        made.append(said[0].partition(":")[0])
        return made[-1], said

    return load


@pytest.fixture(autouse=True)
async def tidy(application):
    before = {tenant.id for tenant in await application.deployment.tenancy.catalog.tenants()}
    yield
    now = [tenant.id for tenant in await application.deployment.tenancy.catalog.tenants()]
    await forget_tenants(application, [one for one in now if one not in before])


async def export(operator, company, path):
    await capsules.export_tenant(operator, company.id, path, [].append)
    return path


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def contents(root, database):
    """Everything a database holds, as the server hashes it."""
    hashed = await root[database].command("dbHash")
    return hashed["collections"]


class TestThereAndBack:
    async def test_a_lost_company_comes_back_with_its_work_under_way(
        self, full, operator, root, load, tmp_path, application
    ):
        path = await export(operator, full, tmp_path / "acme.capsule")
        before = await contents(root, f"jazzaam_company_{full.id}")
        await forget_tenants(application, [full.id])

        restored, _ = await load(path)

        assert restored == full.id
        assert await contents(root, f"jazzaam_company_{full.id}") == before
        assert await root[f"jazzaam_company_{full.id}"]["jobs"].count_documents({}) > 0

    async def test_everything_is_copied_but_the_work_under_way(self, full, operator, root, load, tmp_path):
        path = await export(operator, full, tmp_path / "acme.capsule")
        new_id = str(ObjectId())
        await forget_form_keys(operator, full)

        restored, said = await load(path, as_id=new_id)

        assert restored == new_id
        checked = check(path, SHAPE, ["companies"], operator.keyring)
        left_out = {spec.name for spec in SHAPE.collections if spec.transient}
        copied = sum(count for name, count in checked.counts.items() if name not in left_out)
        assert said[0] == f"{new_id}: {copied} documents imported, on the plan free."
        assert checked.counts["jobs"] > 0
        ours = await contents(root, f"jazzaam_company_{full.id}")
        theirs = await contents(root, f"jazzaam_company_{new_id}")
        assert {name: theirs[name] for name in ours.keys() - left_out} == {
            name: ours[name] for name in ours.keys() - left_out
        }
        for name in left_out:
            assert await root[f"jazzaam_company_{new_id}"][name].count_documents({}) == 0
        assert await root[f"jazzaam_company_{new_id}"]["leads"].count_documents({}) == LEADS_EACH
        assert await schema.differences(root[f"jazzaam_company_{new_id}"], SHAPE.collections) == []
        company = await root["jazzaam_system"]["companies"].find_one({"_id": ObjectId(new_id)})
        assert company["companyName"] == "Acme"
        assert "password" not in company

    async def test_the_file_is_its_owners_and_holds_no_secret(self, full, operator, tmp_path, root):
        path = await export(operator, full, tmp_path / "acme.capsule")

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        account = await root["jazzaam_system"]["companies"].find_one({"_id": ObjectId(full.id)})
        whole = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()[len(MAGIC) :]).read(10_000_000)
        assert b"Lead 17" in whole
        for secret in (account["password"].encode(), full.email.encode()):
            assert secret not in whole

    async def test_what_is_not_whole_is_not_exported(self, operator, application, tmp_path):
        now = application.control.clock.now()
        half = await operator.deployment.provisioner._begin(TenantId(str(ObjectId())), now)
        with pytest.raises(TenantNotReady):
            await capsules.export_tenant(operator, half.id, tmp_path / "half", [].append)
        assert list(tmp_path.iterdir()) == []

    async def test_a_file_that_came_meanwhile_is_not_written_over(self, tmp_path):
        (tmp_path / "draft").write_text("ours")
        (tmp_path / "there").write_text("theirs")
        with pytest.raises(FileExistsError):
            _publish(tmp_path / "draft", tmp_path / "there")
        assert (tmp_path / "there").read_text() == "theirs"

    async def test_a_file_that_is_there_is_not_written_over(self, full, operator, tmp_path):
        path = tmp_path / "acme.capsule"
        path.write_text("mine")

        with pytest.raises(InvalidInput):
            await export(operator, full, path)

        assert path.read_text() == "mine"

    async def test_a_form_key_in_use_becomes_a_new_one(self, full, operator, root, load, tmp_path, client):
        path = await export(operator, full, tmp_path / "acme.capsule")

        new_id, said = await load(path, as_id=str(ObjectId()))

        assert "1 public key was in use: what they opened has new addresses now." in said
        old = await full.db[FORMS].find_one({}, {"accessToken": 1})
        new = await root[f"jazzaam_company_{new_id}"]["forms"].find_one({})
        assert new["accessToken"] != old["accessToken"]
        for token in (old["accessToken"], new["accessToken"]):
            assert (await client.get(f"/f/{token}")).status_code == 200
        named = await operator.deployment.tenancy.catalog.key(new["accessToken"])
        assert named.tenant_id == new_id

    async def test_an_account_can_own_what_was_imported(
        self, full, globex, operator, load, tmp_path, client
    ):
        path = await export(operator, full, tmp_path / "acme.capsule")

        new_id, _ = await load(path, as_id=str(ObjectId()), owner=globex.email)

        mine = await memberships_of(operator.deployment.system(), ObjectId(globex.id))
        assert {str(membership.company_id) for membership in mine} == {globex.id, new_id}
        with pytest.raises(InvalidInput):
            await load(path, as_id=str(ObjectId()), owner="nobody@example.com")


async def forget_form_keys(operator, company):
    form = await company.db[FORMS].find_one({}, {"accessToken": 1})
    names = PublicKey(company.id, "form", str(form["_id"]))
    await operator.deployment.tenancy.catalog.release_key(form["accessToken"], names)


@pytest.mark.parametrize("seconds", [1.0])
async def test_a_capsule_of_a_company_at_work_is_of_one_time(full, operator, load, tmp_path, root, seconds):
    """Writers move a unit from lead to lead in transactions: at any one time the sum is the same."""
    db = full.db.raw
    await db["leads"].update_many({}, {"$set": {"units": 1}})
    ids = [row["_id"] async for row in db["leads"].find({}, {"_id": 1})]
    stop, moved = asyncio.Event(), 0

    async def move(offset):
        nonlocal moved
        number = offset
        while not stop.is_set():
            number += 7
            giver, taker = ids[number % len(ids)], ids[(number * 31 + 5) % len(ids)]
            if giver == taker:
                continue
            with contextlib.suppress(Exception):
                async with db.client.start_session() as session, await session.start_transaction():
                    await db["leads"].update_one({"_id": giver}, {"$inc": {"units": -1}}, session=session)
                    await db["leads"].update_one({"_id": taker}, {"$inc": {"units": 1}}, session=session)
                    moved += 1
            if number % 5 == 0:
                await db["leads"].insert_one({**lead(number), "units": 0})
            if number % 11 == 0:
                await db["leads"].delete_one({"units": 0, "_id": {"$nin": ids}})

    writers = [asyncio.create_task(move(offset)) for offset in range(4)]
    await asyncio.sleep(seconds / 4)
    path = await export(operator, full, tmp_path / "busy.capsule")
    at_the_end = moved
    stop.set()
    await asyncio.gather(*writers)

    checked = check(path, SHAPE, ["companies"], operator.keyring)
    new_id, _ = await load(path, as_id=str(ObjectId()))
    restored = root[f"jazzaam_company_{new_id}"]["leads"]
    total = await (await restored.aggregate([{"$group": {"_id": None, "n": {"$sum": "$units"}}}])).to_list()
    assert total[0]["n"] == len(ids)
    assert await restored.count_documents({}) == checked.counts["leads"]
    assert at_the_end > 0


class TestHostile:
    @pytest.fixture
    async def path(self, full, operator, tmp_path):
        return await export(operator, full, tmp_path / "acme.capsule")

    @pytest.fixture
    async def refused(self, operator, root):
        """Import, expect a refusal of one line, and nothing written."""

        async def refused(path, **options):
            before = set(await root.list_database_names())
            rows = await root["jazzaam_system"]["tenants"].count_documents({})
            with pytest.raises((CapsuleRefused, TenantExists, DatabaseExists, InvalidInput)) as failure:
                await capsules.import_tenant(
                    operator, path,
                    **{
                        "as_id": str(ObjectId()), "accept_foreign": None, "plan": None, "owner": None,
                        **options,
                    },
                    say=[].append,
                )  # fmt: skip
            assert set(await root.list_database_names()) == before
            assert await root["jazzaam_system"]["tenants"].count_documents({}) == rows
            assert "\n" not in failure.value.detail
            return failure.value.detail

        return refused

    async def test_what_is_no_capsule(self, refused, tmp_path):
        other = tmp_path / "other"
        assert "cannot be read" in await refused(other)
        for content in (b"", b"{}", b"JAZZAAM", os.urandom(1000)):
            other.write_bytes(content)
            assert await refused(other) == "other is not a capsule."

    async def test_a_cut_that_keeps_its_end(self, path, refused, tmp_path):
        whole, cut = path.read_bytes(), tmp_path / "cut"
        for missing in (1, 2, 5, 20, len(whole) // 2):
            cut.write_bytes(whole[: -len(end_after(0)) - missing] + whole[-len(end_after(0)) :])
            assert "cut off" in await refused(cut)
        cut.write_bytes(ended(whole[: len(whole) // 2]))
        assert "cut off" in await refused(cut)

    async def test_cut_off_anywhere(self, path, refused, tmp_path):
        whole, cut = path.read_bytes(), tmp_path / "cut"
        for end in (len(MAGIC), len(MAGIC) + 3, len(whole) // 3, len(whole) - 1, len(whole) - 20):
            cut.write_bytes(whole[:end])
            assert "cut off" in await refused(cut)

    async def test_a_changed_byte_anywhere(self, path, refused, tmp_path):
        whole, changed = bytearray(path.read_bytes()), tmp_path / "changed"
        for place in range(len(MAGIC), len(whole), len(whole) // 12):
            other = bytearray(whole)
            other[place] ^= 0x41
            changed.write_bytes(other)
            assert await refused(changed)

    async def test_something_after_its_end(self, path, refused, tmp_path):
        longer = tmp_path / "longer"
        for tail in (b"\0", b"rubbish", zstandard.compress(b"rubbish"), path.read_bytes()[len(MAGIC) :]):
            longer.write_bytes(path.read_bytes() + tail)
            assert await refused(longer)
            longer.write_bytes(ended(path.read_bytes()[: -len(end_after(0))] + tail))
            assert await refused(longer)

    async def test_a_bomb(self, refused, tmp_path):
        bomb = tmp_path / "bomb"
        record = b"H" + struct.pack("<I", 40_000_000) + bytes(40_000_000)
        bomb.write_bytes(ended(MAGIC + zstandard.compress(record * 40)))
        assert await refused(bomb)

    async def test_a_length_beyond_all_bounds(self, refused, tmp_path):
        long = tmp_path / "long"
        long.write_bytes(ended(MAGIC + zstandard.compress(b"H" + struct.pack("<I", 2**32 - 1))))
        assert await refused(long) == "The capsule is larger than is accepted."

    async def test_records_that_cost_nothing_to_write_and_much_to_read(self, refused, tmp_path):
        """Thousands of times their size; each is refused where it begins, not after all was read."""
        row = bson.encode({"collection": "companies", "row": {}})
        wide = bson.encode({"format": 1, **{str(number): {} for number in range(200_000)}})
        header = record(Kind.header, bson.encode({"format": 1, "dataVersion": 0}))
        names = b"".join(record(Kind.collection, bson.encode({"name": f"c{n}"})) for n in range(1000))
        for name, records in {
            "empty": header + record(Kind.shape, b"") * 1_000_000,
            "rows": header + record(Kind.row, row) * 100_000,
            "wide": record(Kind.header, wide),
            "names": header + names,
            "twice": header + record(Kind.collection, bson.encode({"name": "leads"})) * 2,
        }.items():
            path = tmp_path / name
            path.write_bytes(ended(MAGIC + zstandard.compress(records)))
            assert await refused(path)

    @pytest.mark.parametrize("number", [-1, 1.0, 1.9, True, "0", None, float("inf"), -1e300])
    async def test_numbers_that_are_none(self, number, refused, tmp_path, operator):
        for field in ("format", "dataVersion"):
            forged = forge(tmp_path / field, operator.keyring, header={field: number})
            assert "damaged" in await refused(forged)
        forged = forge(
            tmp_path / "count", operator.keyring, collections={"leads": []}, counts={"leads": number}
        )
        assert "damaged" in await refused(forged)

    @pytest.mark.parametrize("mac", [-1, 2**62, b"short", [300], None])
    async def test_a_signature_that_is_none(self, mac, refused, tmp_path, operator):
        forged = forge(tmp_path / "forged", operator.keyring, signature={"keyId": "x", "mac": mac})
        assert "signature cannot be read" in await refused(forged)

    @pytest.mark.parametrize(
        "document",
        [
            {"platform": "other", "status": "new"},
            {"_id": 1, **LEAD, "createdAt": DatetimeMS(2**62)},
            {"_id": 1, **LEAD, "createdAt": [1, 2], "leadScore": [1, 2]},
            {"_id": [1, 2], **LEAD},
        ],
    )
    async def test_documents_of_strangers_that_cannot_be(self, document, refused, tmp_path):
        stranger = Keyring(["another installation's secret key."])
        foreign = forge(tmp_path / "foreign", stranger, collections={"leads": [document]})
        said = await refused(foreign, accept_foreign=sha256_of(foreign))
        assert "fit" in said or "cannot be read" in said

    async def test_an_id_that_is_somebodys_account(self, refused, tmp_path, make_company, client):
        person = await make_company("Person", "user")
        stranger = Keyring(["another installation's secret key."])
        foreign = forge(tmp_path / "foreign", stranger, header={"tenant": person.id})
        said = await refused(foreign, as_id=None, accept_foreign=sha256_of(foreign))
        assert "Somebody's account" in said
        assert (await client.get("/api/v1/me", headers=person.headers)).status_code == 200

    async def test_a_company_whose_database_was_lost_comes_back_with_its_addresses(
        self, path, full, load, application, client, root
    ):
        """Its account, its team and its forms' keys are there still; the catalog's row is not."""
        key = (await full.db[FORMS].find_one({}, {"accessToken": 1}))["accessToken"]
        await forget_tenants(application, [full.id])
        application.deployment.tenancy.catalog.forget(full.id)

        with pytest.raises(InvalidInput, match="--no-owner"):
            await load(path, owner=full.email)
        restored, said = await load(path)

        assert restored == full.id
        assert not any("public keys" in one for one in said)
        leads = await client.get("/api/v1/leads?total=true", headers=full.headers)
        assert leads.json()["total"] == LEADS_EACH
        assert (await client.get(f"/api/v1/public/forms/{key}")).status_code == 200

    async def test_a_row_that_is_too_large_is_cut(self, load, tmp_path, root):
        stranger = Keyring(["another installation's secret key."])
        row = {"companySubServices": ["x" * 90_000] * 10, "settings": {"currency": "y" * 90_000}}
        foreign = forge(tmp_path / "foreign", stranger, rows=[{"collection": "companies", "row": row}])
        new_id, _ = await load(foreign, as_id=str(ObjectId()), accept_foreign=sha256_of(foreign))
        company = await root["jazzaam_system"]["companies"].find_one({"_id": ObjectId(new_id)})
        assert len(bson.encode(company)) < 100_000

    async def test_a_later_release(self, refused, tmp_path, operator):
        for field in ("format", "dataVersion"):
            later = forge(tmp_path / field, operator.keyring, header={field: 99})
            assert "later release" in await refused(later)

    async def test_a_collection_that_is_not_ours(self, refused, tmp_path, operator):
        for name in ("secrets", "system.users", "../../etc", "$cmd", "leads\0"[:-1] + "x"):
            other = forge(tmp_path / "x", operator.keyring, collections={name: [{"_id": 1}]})
            assert "does not know" in await refused(other)

    async def test_a_signature_that_does_not_hold(self, path, refused, tmp_path, operator):
        class Liar(Keyring):
            def key(self, purpose, key_id=None):
                return b"x" * 32

        secret = operator.settings.secret_key[0].get_secret_value()
        liar = forge(tmp_path / "liar", Liar([secret]), collections={"leads": []})
        assert await refused(liar) == "The capsule was changed: its signature does not hold."

    async def test_another_installations_needs_its_hash(self, refused, load, tmp_path, root):
        stranger = Keyring(["another installation's secret key."])
        foreign = forge(tmp_path / "foreign", stranger, collections={"leads": [lead(1)]})
        digest = sha256_of(foreign)

        assert f"--accept-foreign {digest}" in await refused(foreign)
        assert digest in await refused(foreign, accept_foreign="0" * 64)

        new_id, _ = await load(foreign, as_id=str(ObjectId()), accept_foreign=digest)
        assert await root[f"jazzaam_company_{new_id}"]["leads"].count_documents({}) == 1

    async def test_a_foreign_document_that_the_validator_refuses(self, refused, tmp_path):
        stranger = Keyring(["another installation's secret key."])
        foreign = forge(tmp_path / "foreign", stranger, collections={"leads": [{"_id": 1, "status": 5}]})

        assert "does not fit" in await refused(foreign, accept_foreign=sha256_of(foreign))

    async def test_foreign_jobs_are_not_run(self, load, tmp_path, root, application):
        now = application.control.clock.now()
        job = {
            "_id": ObjectId(), "name": "forms.notify_new_lead", "args": {}, "state": "queued",
            "dueAt": now, "attempt": 0,
        }  # fmt: skip
        stranger = Keyring(["another installation's secret key."])
        foreign = forge(tmp_path / "foreign", stranger, collections={"jobs": [job], "leads": [lead(1)]})

        new_id, _ = await load(foreign, as_id=str(ObjectId()), accept_foreign=sha256_of(foreign))

        assert await root[f"jazzaam_company_{new_id}"]["jobs"].count_documents({}) == 0

    async def test_shared_rows_carry_listed_fields_alone(self, load, tmp_path, root, acme):
        stranger, new_id = Keyring(["another installation's secret key."]), str(ObjectId())
        rows = [
            {
                "collection": "companies",
                "row": {
                    "_id": ObjectId(acme.id), "companyName": "Evil", "email": acme.email, "password": "x",
                    "subscriptionPlan": "pro", "userType": "admin", "settings": {"currency": {"$gt": ""}},
                },
            },
            {"collection": "memberships", "row": {"companyId": ObjectId(acme.id), "role": "owner"}},
            {"collection": "publickeys", "row": {"_id": "a" * 64, "tenantId": acme.id}},
        ]  # fmt: skip
        before = {
            name: await root["jazzaam_system"][name].count_documents({})
            for name in ("memberships", "publickeys", "companies")
        }
        foreign = forge(tmp_path / "foreign", stranger, rows=rows)

        await load(foreign, as_id=new_id, accept_foreign=sha256_of(foreign))

        after = {name: await root["jazzaam_system"][name].count_documents({}) for name in before}
        assert after == {**before, "companies": before["companies"] + 1}
        company = await root["jazzaam_system"]["companies"].find_one({"_id": ObjectId(new_id)})
        assert company["companyName"] == "Evil"
        assert company["email"] == f"{new_id}@company.invalid"
        assert company["subscriptionPlan"] == "free"
        assert company["userType"] == "company"
        assert company["settings"]["currency"] == "USD"
        assert "password" not in company

    async def test_a_foreign_form_cannot_take_a_key_or_bring_one_that_is_none(
        self, load, tmp_path, root, full, client
    ):
        taken = (await full.db[FORMS].find_one({}, {"accessToken": 1}))["accessToken"]
        stranger = Keyring(["another installation's secret key."])
        form = {"formType": "custom", "status": "active", "createdAt": ObjectId().generation_time}
        foreign = forge(
            tmp_path / "foreign", stranger,
            collections={"forms": [
                {**form, "_id": ObjectId(), "accessToken": taken},
                {**form, "_id": ObjectId(), "accessToken": "../admin"},
            ]},
        )  # fmt: skip

        new_id, said = await load(foreign, as_id=str(ObjectId()), accept_foreign=sha256_of(foreign))

        assert said[1].startswith("2 public keys were in use")
        stored = [row["accessToken"] async for row in root[f"jazzaam_company_{new_id}"]["forms"].find({})]
        assert all(len(token) == 64 and token != taken for token in stored)

    async def test_a_file_that_is_changed_after_it_was_checked(
        self, path, refused, operator, application, tmp_path, root
    ):
        changing, evil = tmp_path / "changing", tmp_path / "evil"
        changing.write_bytes(path.read_bytes())
        forge(evil, operator.keyring, collections={"leads": [lead(number) for number in range(LEADS_EACH)]})
        databases = set(await root.list_database_names())

        def change_and_tell_the_time():
            changing.write_bytes(evil.read_bytes())
            return application.control.clock.now()

        with pytest.raises(CapsuleRefused, match="changed while it was imported"):
            await operator.deployment.importer.load(
                changing, operator.keyring, tenant_id=str(ObjectId()), at=change_and_tell_the_time
            )
        assert set(await root.list_database_names()) == databases

    async def test_an_import_that_was_taken_for_dead_leaves_nothing(
        self, path, settings, root, mongod, application
    ):
        """Somebody takes it back while it loads; then its next batch finds out."""
        new_id = str(ObjectId())
        database = f"jazzaam_company_{new_id}"

        def take_back(step):
            if step is Step.collection_loaded:
                with MongoClient(mongod.uri("jazzaam_root")) as client:
                    client["jazzaam_system"]["tenants"].delete_many({"_id": new_id})
                    client.drop_database(database)

        process = compose(settings, user=OPERATOR, observe=take_back)
        with pytest.raises(CapsuleRefused, match="taken back meanwhile"):
            await process.deployment.importer.load(
                path, process.keyring, tenant_id=new_id, at=application.control.clock.now
            )
        await process.deployment.close()

        assert database not in await root.list_database_names()
        assert await root["jazzaam_system"]["tenants"].count_documents({"_id": new_id}) == 0

    async def test_a_database_that_is_there_is_not_merged_into(self, path, refused, root):
        new_id = str(ObjectId())
        theirs = root[f"jazzaam_company_{new_id}"]["leads"]
        await theirs.insert_one({"_id": "theirs"})
        try:
            assert "move it away" in await refused(path, as_id=new_id)
            assert await theirs.find_one({}) == {"_id": "theirs"}
        finally:
            await root.drop_database(f"jazzaam_company_{new_id}")

    async def test_an_id_that_is_taken_or_erased(self, path, full, refused, operator, application):
        assert await refused(path, as_id=full.id) == "This company exists already."
        assert "is not a company's id" in await refused(path, as_id="../x")
        now = application.control.clock.now()
        await operator.deployment.provisioner.keep_ready(1, now)
        ready = (await operator.deployment.tenancy.catalog.tenants(TenantStatus.ready))[0]
        assert await refused(path, as_id=ready.id) == "This company exists already."

        full.db.release()
        await operator.deployment.erasure.suspend(full.id, erase_after=now)
        await operator.deployment.erasure.erase(full.id, lambda: now)
        assert "was erased" in await refused(path, as_id=None)


def ended(some):
    return some + end_after(len(some))


def record(kind, payload):
    return struct.pack("<cI", kind.value, len(payload)) + payload


def forge(path, keyring, *, header=None, collections=None, rows=(), counts=None, signature=None):
    """Write a capsule as somebody else would, with a manifest that fits."""
    usual = {"format": 1, "tenant": "a" * 24, "schemaFingerprint": "x", "dataVersion": 0}
    with path.open("wb") as file:
        writer = Writer(file)
        writer.write_document(Kind.header, {**usual, **(header or {})})
        for name, documents in (collections or {}).items():
            writer.write_document(Kind.collection, {"name": name})
            if documents:
                writer.write(Kind.documents, b"".join(bson.encode(one) for one in documents))
        for row in rows:
            writer.write_document(Kind.row, row)
        written = writer.tally.collections
        counts = counts or {name: len(documents) for name, documents in (collections or {}).items()}
        said = {name: one.as_document(counts[name]) for name, one in written.items()}
        if signature is not None:
            writer.finish = partial(sign_with, writer, signature)
        writer.finish({"collections": said}, keyring.key("capsule"), keyring.current_id)
    return path


def sign_with(writer, signature, manifest, _key, _key_id):
    writer.write_document(Kind.manifest, manifest)
    writer.write_document(Kind.signature, signature)
    writer._stream.close()
    writer._file.write(end_after(writer._file.tell()))


@pytest.mark.slow
async def test_a_million_leads_fit_in_200_mb(mongod, settings, tmp_path, operator, application):
    """Export and import run in processes of their own, whose highest memory is looked at."""
    now = application.control.clock.now()
    tenant = await operator.deployment.provisioner.create(str(ObjectId()), at=now)
    database = operator.deployment.clusters.client("main")[tenant.database]
    for spec in SHAPE.collections:
        if spec.name == "leads":
            await database.drop_collection("leads")
    for start in range(0, 1_000_000, 20_000):
        await database["leads"].insert_many(lead(start + number) for number in range(20_000))
    await schema.bring(database, SHAPE.collections)
    file, new_id = tmp_path / "million.capsule", str(ObjectId())
    secrets = {
        "JAZZAAM_MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "JAZZAAM_MONGODB_OPERATOR_URI": settings.mongodb_operator_uri.get_secret_value(),
        "JAZZAAM_SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "JAZZAAM_ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "JAZZAAM_DATA_DIR": str(settings.data_dir),
    }

    for arguments in (
        ("export", tenant.id, str(file)),
        ("import", str(file), "--as", new_id, "--no-owner"),
    ):
        command = ["/usr/bin/env", "python3", "-c", WITH_MEMORY, sys.executable, "-m", "jazzaam", "tenants"]
        ran = await asyncio.to_thread(
            subprocess.run, [*command, *arguments], env={**os.environ, **secrets}, capture_output=True,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr.decode()
        assert int(ran.stdout.splitlines()[-1]) < 200_000, ran.stdout.decode()

    restored = operator.deployment.clusters.client("main")[f"jazzaam_company_{new_id}"]
    assert await restored["leads"].count_documents({}) == 1_000_000


WITH_MEMORY = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Runs a command, and says its highest memory in kB."""
