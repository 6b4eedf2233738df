"""The job engine: jobs a second on one worker, the outbox's cost, how soon a job begins, an idle relay.

`python -m bench.jobs worker|relay` is the process that is measured, with a job that does nothing.
"""

import asyncio
import logging
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import uvloop
from bson import ObjectId

from jazzaam import worker
from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings, read_settings
from jazzaam.crm.dependencies import workspace_for_operator
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.crm.workspace import Workspace
from jazzaam.events import Event
from jazzaam.jobs import outbox
from jazzaam.jobs.clocks import RELAYS
from jazzaam.jobs.models import JOBS
from jazzaam.jobs.registry import Registry, job
from jazzaam.logging import configure_logging
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.users import OPERATOR

TENANTS_AT_WORK = 20
JOBS_EACH = 150
WRITES = 300
ROUNDS = 5
STARTS = 200
IDLE_TENANTS = 10_000
IDLE_SECONDS = 20
SWEEP_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Wanted(Event):
    kind: ClassVar[str] = "bench.wanted"
    number: int


@job("bench.nothing", atomic=True)
async def nothing(_workspace: Workspace, _event: Wanted) -> datetime:
    return datetime.now(UTC)


BENCHED = Registry([nothing])


async def measure(settings: Settings) -> dict[str, float]:
    application = compose(settings, user=OPERATOR, jobs=BENCHED)
    await prepare(application)
    results: dict[str, float] = {}
    try:
        async with application.deployment.freshness.listening():
            workspaces = await make_workspaces(application)
            results |= await cost_of_outbox(workspaces[0])
            with process("worker", settings) as pid:
                await until_at_work(workspaces[0])
                results |= await throughput(workspaces, pid)
                results |= await latency(workspaces[0])
            results |= await idle(application, settings)
    finally:
        await application.deployment.close()
    return results


async def make_workspaces(application: Application) -> list[Workspace]:
    deployment = application.deployment
    made = []
    for _ in range(TENANTS_AT_WORK):
        tenant = await deployment.provisioner.create(str(ObjectId()), at=datetime.now(UTC))
        db = await deployment.tenancy.open(tenant.id)
        made.append(workspace_for_operator(db, application.workspaces))
    return made


async def cost_of_outbox(workspace: Workspace) -> dict[str, float]:
    """Compare a change that writes a document with one that asks for a job too."""

    async def write(*, asks: bool) -> None:
        async def work() -> None:
            await workspace.db[NOTIFICATIONS].insert({"_id": ObjectId(), "kind": "bench"})
            if asks:
                workspace.publish(Wanted(0))

        await workspace.change(work)

    ratios, seconds = [], []
    for _ in range(ROUNDS + 1):  # the first warms up
        plain, asking = [await timed(lambda asks=asks: write(asks=asks), WRITES) for asks in (False, True)]
        ratios.append(asking / plain)
        seconds.append((plain, asking))
    ratio = statistics.median(ratios[1:])
    plain, asking = [1000 * statistics.median(column) for column in zip(*seconds[1:], strict=True)]
    print(f"a change {plain:.2f} ms, with a job {asking:.2f} ms: {ratio:.2f} times (target 1.6)")
    await workspace.db[JOBS].delete_many({})
    return {"outbox_ratio": ratio}


async def throughput(workspaces: list[Workspace], pid: int) -> dict[str, float]:
    """Count jobs from the first commit to the last end."""
    now = datetime.now(UTC)
    before, began = cpu_seconds(pid), time.perf_counter()

    async def ask(workspace: Workspace) -> None:
        for start in range(0, JOBS_EACH, 50):
            numbers = range(start, min(start + 50, JOBS_EACH))
            rows = [outbox.row_of(nothing, Wanted(number), now, now) for number in numbers]
            await outbox.enqueue(workspace.db, rows)

    await asyncio.gather(*(ask(workspace) for workspace in workspaces))
    for workspace in workspaces:
        while await outbox.waiting(workspace.db):
            await asyncio.sleep(0.05)
    seconds, count = time.perf_counter() - began, TENANTS_AT_WORK * JOBS_EACH
    cpu = 1000 * (cpu_seconds(pid) - before) / count
    print(f"{count} jobs of {TENANTS_AT_WORK} companies that do nothing: {count / seconds:.0f} a second "
          f"on one worker (target 300), {cpu:.2f} ms of its processor each")  # fmt: skip
    return {"jobs_per_second": count / seconds}


async def latency(workspace: Workspace) -> dict[str, float]:
    """Take the time from a commit to the job's first line."""
    await asyncio.sleep(1)
    taken = []
    for number in range(STARTS):

        async def work(number: int = number) -> ObjectId:
            return workspace.enqueue(nothing, Wanted(number))

        job_id = await workspace.change(work)
        committed = datetime.now(UTC)
        while (row := await outbox.show(workspace.db, job_id)) is None or row["state"] != "done":
            await asyncio.sleep(0.005)
        taken.append(1000 * (row["result"] - committed).total_seconds())
    taken.sort()
    p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    print(f"from a commit to the job's begin: p50 {p50:.1f} ms (target 20), p99 {p99:.1f} ms")
    return {"start_p50_ms": p50, "start_p99_ms": p99}


async def idle(application: Application, settings: Settings) -> dict[str, float]:
    """Let a relay watch ten thousand companies that have nothing to do."""
    ids = [str(ObjectId()) for _ in range(IDLE_TENANTS)]
    deployment = application.deployment
    row = {
        "status": "active", "cluster": "main", "schemaFingerprint": "x", "crons": "none",
        "createdAt": datetime.now(UTC),
    }  # fmt: skip
    rows = deployment.system()[TENANTS]
    await rows.insert_all({"_id": one, "database": f"jazzaam_company_{one}", **row} for one in ids)
    await deployment.system()[RELAYS].delete_many({})  # then it looks everywhere first
    with process("relay", settings) as pid:
        used = [0.0, 1.0]
        while used[-1] - used[-2] > 0.2:
            await asyncio.sleep(2)
            used.append(cpu_seconds(pid))
        await asyncio.sleep(IDLE_SECONDS)
        share = (cpu_seconds(pid) - used[-1]) / IDLE_SECONDS + used[-1] / SWEEP_SECONDS
    await rows.delete_many({"_id": {"$in": ids}})
    print(f"an idle relay over {IDLE_TENANTS} companies: {100 * share:.2f} % of a core (target 2), "
          f"with {used[-1]:.1f} s for all of them every {SWEEP_SECONDS / 60:.0f} minutes")  # fmt: skip
    return {"idle_relay_percent": 100 * share}


async def until_at_work(workspace: Workspace) -> None:
    """Wait until the process does jobs."""

    async def work() -> ObjectId:
        return workspace.enqueue(nothing, Wanted(0))

    job_id = await workspace.change(work)
    async with asyncio.timeout(30):
        while (await outbox.show(workspace.db, job_id) or {}).get("state") != "done":
            await asyncio.sleep(0.05)


async def timed(work, count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        await work()
    return (time.perf_counter() - began) / count


@contextmanager
def process(role: str, settings: Settings):
    uri = settings.mongodb_uri.get_secret_value()
    given = {"DATA_DIR": str(settings.data_dir), "MONGODB_URI": uri, "SECRET_KEY": "b" * 32}
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.jobs", role],
        env={**os.environ, **{f"JAZZAAM_{name}": value for name, value in given.items()}},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait(20)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def be(role: str) -> None:
    configure_logging(json=True, least=logging.WARNING)
    application = compose(read_settings(), jobs=BENCHED)
    await {"worker": worker.run_worker, "relay": worker.run_relay}[role](application)


if __name__ == "__main__":
    uvloop.run(be(sys.argv[1]))
