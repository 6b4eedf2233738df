"""A capsule is of one time: what a change stream tells, and what a majority knows."""

import asyncio
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient

from jazzaam.embedded.find import find_mongod
from jazzaam.signing import Keyring
from jazzaam.tenancy.capsule import CapsuleFailed, _Changes, export
from jazzaam.tenancy.capsule_format import Kind, decode, documents_in, reading, records
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.models import Tenant, TenantStatus
from jazzaam.tenancy.schema import Shape

KEYRING = Keyring(["a secret of thirty-two bytes or more"])


class Told:
    """A change stream that tells events, each with its token, and None for a pause."""

    def __init__(self, *told):
        self._told = list(told)
        self.resume_token = None

    async def try_next(self):
        if not self._told:
            await asyncio.Event().wait()
        seconds, number = self._told.pop(0)
        self.resume_token = {"_data": f"82{seconds:08X}{1:08X}"}
        await asyncio.sleep(0)
        if number is None:
            return None
        return {"operationType": "insert", "ns": {"coll": "leads"}, "documentKey": {"_id": number}}


async def heard(changes, time):
    try:
        async with asyncio.timeout(0.05):
            await changes.until(time)
    except TimeoutError:
        return False
    return True


async def test_a_transaction_is_heard_when_nothing_more_of_its_time_comes():
    """Its changes have one cluster time, and may come in several batches."""
    changes = _Changes(Told((7, 1), (7, 2), (7, 3)), ["leads"])
    following = asyncio.create_task(changes.follow())

    assert not await heard(changes, Timestamp(7, 1))
    assert await heard(changes, Timestamp(7, 0))
    following.cancel()

    changes = _Changes(Told((7, 1), (7, 2), (7, None)), ["leads"])
    following = asyncio.create_task(changes.follow())
    assert await heard(changes, Timestamp(7, 1))
    assert len(changes.so_far()["leads"]) == 2
    following.cancel()


SHAPE = Shape([CollectionSpec("leads"), *(CollectionSpec(f"made{number}") for number in range(8))])


def tenant(name):
    now = datetime.now(UTC)
    return Tenant(str(ObjectId()), TenantStatus.active, "main", name, SHAPE.fingerprint, 0, now)


async def capsule_of(client, name, path):
    return await export(
        tenant(name), path, client=client, shape=SHAPE, system=None, owner=None, portable=(),
        keyring=KEYRING, at=datetime.now(UTC),
    )  # fmt: skip


def restored(path):
    """Read a capsule as an import does; gives the leads by id, and the manifest."""
    leads, name, manifest = {}, "", None
    with reading(path) as opened:
        for kind, payload in records(opened.stream, most_bytes=10**10):
            if kind in (Kind.collection, Kind.correction):
                name = decode(payload)["name"]
            elif kind is Kind.documents and name == "leads":
                leads |= {(one := decode(raw))["_id"]: one for raw in documents_in(payload)}
            elif kind is Kind.removed and name == "leads":
                for raw in documents_in(payload):
                    leads.pop(decode(raw)["_id"], None)
            elif kind is Kind.manifest:
                manifest = decode(payload)
    return leads, manifest


async def at_time(database, time):
    """Read the leads as they were at a cluster time, by the server's own snapshot."""
    concern = {"level": "snapshot", "atClusterTime": time}
    answer = await database.command("find", "leads", readConcern=concern, batchSize=5_000)
    leads, cursor = answer["cursor"]["firstBatch"], answer["cursor"]["id"]
    while cursor:
        more = await database.command({"getMore": cursor, "collection": "leads", "batchSize": 5_000})
        leads, cursor = leads + more["cursor"]["nextBatch"], more["cursor"]["id"]
    return {lead["_id"]: lead for lead in leads}


@pytest.fixture
async def database(mongod):
    async with AsyncMongoClient(mongod.uri("jazzaam_root"), tz_aware=True) as client:
        name = f"capsule_{ObjectId()}"
        yield client[name]
        await client.drop_database(name)


async def test_everything_changes_again_and_again_while_it_is_exported(database, tmp_path):
    await database["leads"].insert_many({"_id": number, "n": 0} for number in range(3000))
    stop = asyncio.Event()

    async def write():
        while not stop.is_set():
            await database["leads"].update_many({}, {"$inc": {"n": 1}})

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.1)
    await capsule_of(database.client, database.name, tmp_path / "busy")
    stop.set()
    await writing

    leads, manifest = restored(tmp_path / "busy")
    assert leads == await at_time(database, manifest["clusterTime"])
    assert manifest["collections"]["leads"]["count"] == 3000
    assert manifest["collections"]["leads"]["corrected"] >= 1000


async def test_a_collection_that_is_made_meanwhile_is_in_it_or_later_than_it(database, tmp_path):
    await database["leads"].insert_one({"_id": 0})
    made, begun = [], asyncio.Event()

    async def make():
        for number in range(8):
            name = f"made{number}"
            async with database.client.start_session() as session, await session.start_transaction():
                await database[name].insert_one({"_id": 1}, session=session)
                await database["leads"].insert_one({"_id": name}, session=session)
            made.append(name)
            begun.set()
            await asyncio.sleep(0.03)

    making = asyncio.create_task(make())
    await begun.wait()
    await capsule_of(database.client, database.name, tmp_path / "growing")
    await making

    leads, manifest = restored(tmp_path / "growing")
    named = set(leads) - {0}
    counts = {name: one["count"] for name, one in manifest["collections"].items()}
    assert named
    assert named == {name for name, count in counts.items() if count and name != "leads"}


async def test_what_is_not_declared_is_left_out_and_said(database, tmp_path):
    """Somebody's own collection, or one that a release no longer has: no import would know it."""
    await database["leads"].insert_one({"_id": 0})
    await database["leftover"].insert_one({"_id": 0})

    done = await capsule_of(database.client, database.name, tmp_path / "capsule")

    assert done.left_out == ["leftover"]
    _, manifest = restored(tmp_path / "capsule")
    assert list(manifest["collections"]) == ["leads"]


async def test_another_releases_shape_is_not_exported(database, tmp_path):
    other = replace(tenant(database.name), schema_fingerprint="later")
    with pytest.raises(CapsuleFailed, match="another release"):
        await export(
            other, tmp_path / "x", client=database.client, shape=SHAPE, system=None, owner=None,
            portable=(), keyring=KEYRING, at=datetime.now(UTC),
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@contextmanager
def replica_set(folder, members, memory="0.25"):
    """Run mongods without authentication on loopback; gives their ports."""
    ports = [free_port() for _ in range(members)]
    processes = []
    try:
        for port in ports:
            data = folder / str(port)
            data.mkdir()
            command = [
                str(find_mongod().path), "--dbpath", str(data), "--port", str(port),
                "--bind_ip", "127.0.0.1", "--replSet", "lag", "--wiredTigerCacheSizeGB", memory,
            ]  # fmt: skip
            silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen(command, **silent))
        yield ports
    finally:
        for process in processes:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def begin(ports):
    """Make a replica set whose other members are a second behind."""
    first, *others = [f"127.0.0.1:{port}" for port in ports]
    members = [{"_id": 0, "host": first, "priority": 2}]
    behind = {"priority": 0, "hidden": True, "secondaryDelaySecs": 1}
    members += [{"_id": number, "host": host, **behind} for number, host in enumerate(others, 1)]
    async with AsyncMongoClient(f"mongodb://{first}/?directConnection=true") as client:
        await client.admin.command("ping")
        await client.admin.command("replSetInitiate", {"_id": "lag", "members": members})
        async with asyncio.timeout(90):
            while not (await client.admin.command("hello"))["isWritablePrimary"]:
                await asyncio.sleep(0.2)
    return f"mongodb://{first}/?replicaSet=lag"


@pytest.mark.slow
async def test_of_one_time_although_a_majority_is_behind(tmp_path):
    with replica_set(tmp_path, 3) as ports:
        async with AsyncMongoClient(await begin(ports), tz_aware=True) as client:
            database, stop = client["tenant"], asyncio.Event()
            for start in range(0, 120_000, 10_000):
                await database["leads"].insert_many(
                    {"_id": start + number, "n": 0, "notes": "x" * 900} for number in range(10_000)
                )

            async def write(number):
                while not stop.is_set():
                    number = (number + 20) % 300
                    await database["leads"].update_one({"_id": number}, {"$inc": {"n": 1}})
                    await database["leads"].insert_one({"n": 0})

            writers = [asyncio.create_task(write(number)) for number in range(20)]
            await asyncio.sleep(3)
            for attempt in range(3):
                path = tmp_path / f"capsule-{attempt}"
                await capsule_of(client, "tenant", path)
                leads, manifest = restored(path)
                true = await at_time(database, manifest["clusterTime"])
                assert {one: lead["n"] for one, lead in leads.items()} == {
                    one: lead["n"] for one, lead in true.items()
                }
                assert len(leads) == manifest["collections"]["leads"]["count"]
            stop.set()
            await asyncio.gather(*writers)
