"""What each running process says of its client pool, beside its heartbeat; it goes when they stop."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta

from pymongo.errors import PyMongoError

from jazzaam.tasks import end_tasks
from jazzaam.tenancy.client_pool import ClientPool
from jazzaam.tenancy.clusters import Client
from jazzaam.tenancy.database import Document, SystemDatabase
from jazzaam.tenancy.freshness import HEARTBEATS, Freshness


@asynccontextmanager
async def reporting(
    system: SystemDatabase, freshness: Freshness, pool: ClientPool[Client], every: timedelta
) -> AsyncGenerator[None]:
    """Write this process's numbers while the block runs."""
    process = {"host": socket.gethostname(), "pid": os.getpid()}

    async def report() -> None:
        while True:
            numbers = asdict(pool.statistics())
            with contextlib.suppress(PyMongoError):
                await system[HEARTBEATS].update_one(
                    {"_id": freshness.process_id}, {"$set": {"process": process, "pool": numbers}}
                )
            await asyncio.sleep(every.total_seconds())

    task = asyncio.create_task(report())
    try:
        yield
    finally:
        await end_tasks([task])


async def reports(system: SystemDatabase) -> list[Document]:
    """Read what the running processes said last: {process: {host, pid}, pool: {...}}."""
    rows = system[HEARTBEATS].find({"pool": {"$exists": True}}, {"process": 1, "pool": 1, "at": 1})
    return [row async for row in rows]
