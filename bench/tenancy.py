"""The tenancy core by itself: births, openings, a fleet with nothing to do, a capsule."""

import asyncio
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from bson import ObjectId

from jazzaam.cli import fleet
from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.crm.leads.repository import LeadRepository
from jazzaam.features import SHAPE
from jazzaam.tenancy import capsule
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.fleet import Rollout
from jazzaam.tenancy.users import OPERATOR

REGISTERED = 10_000
BIRTHS = 20
CAPSULE_LEADS = 100_000


async def measure(settings: Settings) -> dict[str, float]:
    application = compose(settings, user=OPERATOR)
    await prepare(application)
    results: dict[str, float] = {}
    try:
        async with application.deployment.freshness.listening():
            for part in (births, registered, capsules):
                results |= await part(application)
    finally:
        await application.deployment.close()
    return results


async def births(application: Application) -> dict[str, float]:
    provisioner = application.deployment.provisioner
    cold = [await timed(lambda: provisioner.claim(datetime.now(UTC))) for _ in range(BIRTHS)]
    await provisioner.keep_ready(BIRTHS, datetime.now(UTC))
    warm = [await timed(lambda: provisioner.claim(datetime.now(UTC))) for _ in range(BIRTHS)]
    print(f"a tenant claimed: {1000 * statistics.median(warm):.1f} ms ready (target 10), "
          f"{1000 * statistics.median(cold):.0f} ms built (target 150)")  # fmt: skip
    return {"claim_ms": 1000 * statistics.median(warm), "cold_claim_ms": 1000 * statistics.median(cold)}


async def registered(application: Application) -> dict[str, float]:
    """Ten thousand rows of the catalog; opening asks the catalog alone."""
    deployment, ids = application.deployment, [str(ObjectId()) for _ in range(REGISTERED)]
    rows = deployment.system()[TENANTS]
    row = {
        "status": "active",
        "cluster": "main",
        "schemaFingerprint": SHAPE.fingerprint,
        "dataVersion": SHAPE.data_version,
        "createdAt": datetime.now(UTC),
        "limits": dict(deployment.declared.limits),
    }
    await rows.insert_all({"_id": one, "database": f"jazzaam_company_{one}", **row} for one in ids)
    await asyncio.sleep(1.5)
    tenancy = deployment.tenancy

    async def open_one(tenant_id: str) -> None:
        (await tenancy.open(tenant_id)).release()

    cold = [await timed(lambda one=one: open_one(one)) for one in ids[:500]]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for one in ids[500:]:
        await open_one(one)
    each = (tracemalloc.get_traced_memory()[0] - before) / (REGISTERED - 500)
    tracemalloc.stop()
    began = time.perf_counter()
    for one in ids:
        await open_one(one)
    cached = (time.perf_counter() - began) / REGISTERED
    with await tenancy.open(ids[0]) as db:
        began = time.perf_counter()
        for _ in range(100_000):
            LeadRepository(db)
        repository = (time.perf_counter() - began) / 100_000
    everyone = fleet.Choice()
    idle = await timed(
        lambda: fleet.migrate(application, everyone, Rollout(), dry_run=False, say=lambda _: None)
    )
    await rows.delete_many({"_id": {"$in": ids}})
    cold_ms = 1000 * statistics.median(cold)
    print(f"tenancy.open of {REGISTERED} tenants: {cached * 1e6:.1f} µs cached (target 20), "
          f"{cold_ms:.2f} ms cold (target 2), {each / 1000:.1f} kB remembered each (target 3)")  # fmt: skip
    print(f"a repository made of a handle: {repository * 1e6:.2f} µs (target 5)")
    print(f"nothing to migrate on {REGISTERED} tenants: {idle:.2f} s (target 1)")
    return {"open_many_us": cached * 1e6, "open_cold_ms": cold_ms, "entry_kb": each / 1000,
            "repository_us": repository * 1e6, "idle_migrate_s": idle}  # fmt: skip


async def capsules(application: Application) -> dict[str, float]:
    deployment = application.deployment
    tenant = await deployment.provisioner.create(str(ObjectId()), at=datetime.now(UTC))
    client = deployment.clusters.client(tenant.cluster, OPERATOR)
    leads = client[tenant.database]["leads"]
    for start in range(0, CAPSULE_LEADS, 5000):
        await leads.insert_many(lead(start + number) for number in range(5000))
    size = 0
    began = time.perf_counter()
    async for batch in leads.find_raw_batches({}, sort=[("_id", 1)], batch_size=1000):
        size += len(batch)
    raw = size / 1e6 / (time.perf_counter() - began)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.capsule"
        done = await capsule.export(
            tenant, path, client=client, shape=SHAPE, system=deployment.system(),
            owner=ObjectId(tenant.id), portable=(), keyring=application.keyring, at=datetime.now(UTC),
        )  # fmt: skip
        exported = done.bytes / 1e6 / done.seconds
        load_seconds = await timed(
            lambda: deployment.importer.load(
                path, application.keyring, tenant_id=str(ObjectId()), at=lambda: datetime.now(UTC)
            )
        )
    loaded = done.bytes / 1e6 / load_seconds
    print(f"a capsule of {CAPSULE_LEADS} leads, {done.bytes / 1e6:.0f} MB: written at {exported:.0f} MB/s, "
          f"read raw at {raw:.0f} MB/s; imported at {loaded:.1f} MB/s")  # fmt: skip
    return {"capsule_mb_s": exported, "raw_mb_s": raw, "import_mb_s": loaded}


def lead(number: int) -> dict[str, object]:
    return {
        "_id": ObjectId(), "platform": "linkedin", "platformUrl": f"https://www.linkedin.com/in/{number}",
        "status": "new", "fullName": f"Lead {number}", "createdAt": datetime.now(UTC), "revision": 1,
        "leadScore": number % 100, "facets": ["platform:linkedin", "status:new"], "notes": "x" * 900,
        "company": f"Company {number % 500}", "email": f"lead-{number}@example.com",
    }  # fmt: skip


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began
