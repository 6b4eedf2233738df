"""Whatever is killed, and whenever: every job reaches its end, and no effect comes twice."""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import PyMongoError
from tests.jobs.conftest import TESTED, Asked, Happened, count, note, wait
from tests.processes import environment

from jazzaam.composition import compose, prepare
from jazzaam.config import Settings
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.embedded.find import find_mongod
from jazzaam.embedded.mongod import running_mongod
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, JobState
from jazzaam.tenancy.users import CLUSTER_USERS

ENDS_IN_SECONDS = 240
TENANTS = 5


@dataclass
class Victims:
    """A mongod, and processes that work on it; each can be killed and comes again."""

    folder: Path
    settings: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    uri: str = ""
    _mongod: Any = None
    _child: Any = None

    async def start_mongod(self):
        self._mongod = running_mongod(find_mongod().path, self.folder / "mongodb", CLUSTER_USERS)
        endpoint, self._child = await self._mongod.__aenter__()
        self.uri = endpoint.uri("jazzaam_operator")

    async def end_mongod(self):
        await self._mongod.__aexit__(None, None, None)

    def start(self, name):
        role = name.split("-")[0]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.jobs.process", role],
                env=environment(MONGODB_URI=self.uri, **self.settings),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self, name):
        process = self.processes[name]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        self.start(name)

    async def kill_mongod(self):
        self._child.send_signal(signal.SIGKILL)
        self._child.wait(10)
        await self.end_mongod()
        await self.start_mongod()

    def end(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            assert process.wait(15) in (0, -signal.SIGTERM)  # it may just be starting


@asynccontextmanager
async def victims(folder, *names, **settings):
    given = {
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a secret of thirty-two bytes or more",
        "LEASE_SECONDS": "3",
        "RELAY_SEAT_SECONDS": "2",
        "READY_TENANTS": "0",
        **settings,
    }
    folder.chmod(0o700)
    them = Victims(folder, given)
    await them.start_mongod()
    try:
        yield them
    finally:
        for process in them.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(10)
        await them.end_mongod()


@asynccontextmanager
async def application_of(them):
    settings = Settings(
        _env_file=None, mongodb_uri=them.uri, data_dir=them.folder, secret_key=them.settings["SECRET_KEY"]
    )
    application = compose(settings, jobs=TESTED)
    await prepare(application)
    try:
        yield application
    finally:
        await application.deployment.close()


async def make_tenants(application, number):
    now = datetime.now(UTC)
    made = [await application.deployment.provisioner.create(str(ObjectId()), at=now) for _ in range(number)]
    return [await application.deployment.tenancy.open(tenant.id) for tenant in made]


async def enqueue(databases, number):
    """Write jobs of both kinds, a few at a time, whatever is being killed meanwhile."""
    for start in range(0, number, 20):
        for db in databases:
            at = datetime.now(UTC)
            rows = [
                outbox.row_of(note, Happened(what=f"note {one}"), at, at)
                if one % 4
                else outbox.row_of(count, Asked(count=3, names=[str(one)], at=None), at, at)
                for one in range(start, min(start + 20, number))
            ]
            await patiently(lambda db=db, rows=rows: replace_all(db, rows))
        await asyncio.sleep(0.05)


async def replace_all(db, rows):
    """Write rows, or find them written when nobody could say so."""
    for row in rows:
        await outbox.enqueue_once(db, row)


async def patiently(ask):
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(PyMongoError):
                return await ask()
            await asyncio.sleep(0.1)


async def until_ended(databases):
    async with asyncio.timeout(ENDS_IN_SECONDS):
        for db in databases:
            while await patiently(lambda db=db: outbox.waiting(db)):
                await asyncio.sleep(0.1)


async def require_once(databases, number):
    """Every job is done, and did what it does once."""
    for db in databases:
        states = [row async for row in await db[JOBS].aggregate([{"$sortByCount": "$state"}])]
        ours = [row async for row in db[JOBS].find({"cron": {"$exists": False}}, {"state": 1})]
        assert {row["state"] for row in ours} == {JobState.done}, states
        assert len(ours) == number
        kinds = [row async for row in await db[NOTIFICATIONS].aggregate([{"$sortByCount": "$kind"}])]
        found = {row["_id"]: row["count"] for row in kinds}
        notes = {kind: many for kind, many in found.items() if kind.startswith("note ")}
        assert notes == {f"note {one}": 1 for one in range(number) if one % 4}
        parts = len([one for one in range(number) if one % 4 == 0])
        assert {kind: found[kind] for kind in ("counted 0", "counted 1", "counted 2")} == dict.fromkeys(
            ("counted 0", "counted 1", "counted 2"), parts
        )


@pytest.mark.parametrize(("jobs", "kills"), [(400, 20), pytest.param(5_000, 60, marks=pytest.mark.slow)])
async def test_every_job_ends_and_has_its_effect_once(tmp_path, jobs, kills):
    """Two workers without a broker: the second relays when the first is killed."""
    each, chance = jobs // TENANTS, random.Random(jobs)  # noqa: S311
    async with victims(tmp_path) as them, AsyncExitStack() as stack:
        application = await stack.enter_async_context(application_of(them))
        databases = await make_tenants(application, TENANTS)
        for name in ("worker-1", "worker-2"):
            them.start(name)
        writing = asyncio.create_task(enqueue(databases, each))
        for number in range(kills):
            await asyncio.sleep(chance.uniform(0.2, 1.2))
            if number % 7 == 6:
                await them.kill_mongod()
            else:
                them.kill(chance.choice(["worker-1", "worker-2"]))
        await writing
        await until_ended(databases)
        await require_once(databases, each)
        them.end()


async def test_a_worker_ends_within_ten_seconds_also_when_mongodb_is_away(tmp_path):
    async with victims(tmp_path) as them:
        them.start("worker-1")
        log = tmp_path / "worker-1.log"
        async with asyncio.timeout(30):
            while b"relay.hears" not in log.read_bytes():
                await asyncio.sleep(0.05)
        them._child.send_signal(signal.SIGKILL)
        them._child.wait(10)
        await asyncio.sleep(1)

        them.processes["worker-1"].terminate()

        assert await asyncio.to_thread(them.processes["worker-1"].wait, 10) in (0, 1)


async def test_a_worker_that_is_told_to_stop_does_so_within_ten_seconds(tmp_path):
    """Its job would go on for minutes: it is put back, for another worker, at once."""
    async with victims(tmp_path, LEASE_SECONDS="60", DRAIN_SECONDS="1") as them, AsyncExitStack() as stack:
        application = await stack.enter_async_context(application_of(them))
        (db,) = await make_tenants(application, 1)
        at = datetime.now(UTC)
        row = outbox.row_of(wait, Happened(what="long"), at, at)
        await outbox.enqueue(db, [row])
        them.start("worker-1")
        async with asyncio.timeout(30):
            while await outbox.attempt_of(db, row["_id"]) != (JobState.running, 1):
                await asyncio.sleep(0.05)

        them.processes["worker-1"].terminate()
        assert await asyncio.to_thread(them.processes["worker-1"].wait, 10) == 0

        assert await outbox.attempt_of(db, row["_id"]) == (JobState.queued, 1)
