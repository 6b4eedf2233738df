"""`make bench`: CPU a request beside a bare loop, in one run; the median of five rounds.

The server and the bare loop make the same MongoDB calls with the same projection and the same JSON.
CPU is what the process itself used (user and system), so a noisy machine changes it less than time.
"""

import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import uvloop
from pymongo import monitoring

from bench import jobs, load, tenancy
from bench.bare import Bare
from bench.server import ServerProcess
from jazzaam.cli.demo import COMPANIES, DemoCompany, company_id, make_demo
from jazzaam.composition import compose
from jazzaam.config import Settings
from jazzaam.control.billing.plans import LIMITS, Plan, limits_of
from jazzaam.embedded.find import find_mongod
from jazzaam.embedded.mongod import running_mongod
from jazzaam.logging import configure_logging
from jazzaam.main import create_app
from jazzaam.tenancy.users import CLUSTER_USERS

ROUNDS = 5
CONNECTIONS = 16
REQUESTS = {"list": 1500, "get": 4000, "submit": 800, "me": 2500}
FAR_AWAY = 10**9
"""A limit that is counted and never reached."""
TARGETS = {"list": 1.8, "get": 2.8, "submit": 2.0, "me": 2.5}


async def main() -> None:
    configure_logging(json=False, least=logging.WARNING)  # the tables, and no lines between them
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        async with running_mongod(find_mongod().path, data / "mongodb", CLUSTER_USERS) as (endpoint, _):
            uri = endpoint.uri("jazzaam_operator")
            settings = Settings(_env_file=None, data_dir=data, mongodb_uri=uri, secret_key="b" * 32)
            await make_demo(settings)
            await set_limits(settings, dict.fromkeys(LIMITS, FAR_AWAY))
            with ServerProcess(data, uri) as server:
                results = await measure(settings, server)
                results |= await measure_neighbour(settings, server)
            results |= await tenancy.measure(settings)
            results |= await jobs.measure(settings)
            if "--json" in sys.argv:
                print(json.dumps(results))


async def set_limits(
    settings: Settings, limits: dict[str, int | None], only: DemoCompany | None = None
) -> None:
    application = compose(settings)
    for company in [only] if only else COMPANIES:
        tenant_id = await company_id(application, company)
        await application.deployment.tenancy.catalog.alter({"_id": tenant_id}, {"$set": {"limits": limits}})
    await application.deployment.close()


async def measure_neighbour(settings: Settings, server: ServerProcess) -> dict[str, float]:
    """Compare a company's p99 while its neighbour asks for far more than its plan allows."""
    await set_limits(settings, limits_of(Plan.free), only=COMPANIES[0])
    noisy, quiet = [await load.sign_in(server.port, company) for company in COMPANIES]
    await asyncio.sleep(1.5)

    async def p99() -> float:
        taken = sorted(await load.run(quiet, "get", 6000, 4, 0))
        return taken[int(len(taken) * 0.99)] * 1000

    await p99()
    alone, stop = await p99(), asyncio.Event()
    hammering = asyncio.create_task(load.hammer(noisy, 32, stop))
    await asyncio.sleep(1)
    beside = await p99()
    stop.set()
    statuses = await hammering
    print(
        f"p99 of a get beside a company at its limits: {beside:.1f} ms, alone {alone:.1f} ms "
        f"(target: twice); it got {statuses}"
    )
    return {"p99_alone_ms": alone, "p99_beside_ms": beside}


async def measure(settings: Settings, server: ServerProcess) -> dict[str, float]:
    application = compose(settings)
    tenant_id = await company_id(application, COMPANIES[0])
    await application.deployment.close()
    bare = await Bare.connect(settings, tenant_id)
    client = await load.sign_in(server.port)
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in REQUESTS}
    latencies: list[float] = []
    for round_number in range(ROUNDS + 1):  # the first warms up
        for name, count in REQUESTS.items():
            bare_cpu = await cpu_of(bare.run(name, count, CONNECTIONS)) / count
            before = server.cpu_seconds()
            taken = await load.run(client, name, count, CONNECTIONS, round_number)
            server_cpu = (server.cpu_seconds() - before) / count
            if round_number:
                rows[name].append((bare_cpu, server_cpu))
                latencies += taken if name == "get" else []
    print(f"{'CPU µs a request':<18}{'bare':>8}{'Jazzaam':>9}{'ratio':>8}{'target':>8}")
    results = {}
    for name, pairs in rows.items():
        ratio = statistics.median(server / bare for bare, server in pairs)
        medians = [statistics.median(column) * 1e6 for column in zip(*pairs, strict=True)]
        print(f"{name:<18}{medians[0]:>8.0f}{medians[1]:>9.0f}{ratio:>8.2f}{TARGETS[name]:>8}")
        results[name] = ratio
    latencies.sort()
    p99 = latencies[int(len(latencies) * 0.99)] * 1000
    print(f"p99 of a get at {CONNECTIONS} connections: {p99:.1f} ms (target 15)")
    opened = await open_cached(settings, tenant_id)
    print(f"tenancy.open, cached: {opened:.1f} µs (target 20)")
    trips = await round_trips(settings, client)
    print(f"calls of MongoDB that a get makes, checks cached: {trips} (target 1)")
    results |= {"p99_ms": p99, "open_us": opened, "get_round_trips": trips}
    await bare.close()
    return results


async def round_trips(settings: Settings, caller: load.Client) -> int:
    """Count what a get sends to MongoDB once its session, membership and company are remembered."""
    commands = Commands()
    application = compose(settings, event_listeners=[commands])
    app = create_app(application)
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://bench") as client,
    ):
        for _ in range(20):  # until the process hears changes, nothing is remembered
            await client.get(f"/api/v1/leads/{caller.lead_id}", headers=headers)
            await asyncio.sleep(0.1)
        before = len(commands.seen)
        answer = await client.get(f"/api/v1/leads/{caller.lead_id}", headers=headers)
        assert answer.status_code == 200
        seen = commands.seen[before:]
    return sum(name not in _BESIDE for name in seen)


_BESIDE = {"hello", "getMore", "ping", "update"}
"""What the process does beside requests: it hears changes, and says that it is there."""


class Commands(monitoring.CommandListener):
    """The names of the commands that were sent to MongoDB."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.seen.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


async def cpu_of(work) -> float:
    before = time.process_time()
    await work
    return time.process_time() - before


async def open_cached(settings: Settings, tenant_id: str) -> float:
    application = compose(settings)
    tenancy = application.deployment.tenancy
    async with application.deployment.running():
        await tenancy.open(tenant_id)
        await asyncio.sleep(1.5)
        rounds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(10_000):
                with await tenancy.open(tenant_id):
                    pass
            rounds.append((time.perf_counter() - began) / 10_000)
    return statistics.median(rounds) * 1e6


uvloop.run(main())  # the server's own loop
