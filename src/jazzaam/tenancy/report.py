"""What each running process says of itself, beside its heartbeat; it goes when the process ends."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

from pymongo.errors import PyMongoError

from jazzaam.tasks import end_tasks
from jazzaam.tenancy.client_pool import ClientPool
from jazzaam.tenancy.clusters import Client
from jazzaam.tenancy.database import Document, SystemDatabase
from jazzaam.tenancy.freshness import HEARTBEATS, Freshness

_ALIVE: Final = timedelta(seconds=10)
"""Whose heartbeat is older has ended, or cannot be asked."""


@asynccontextmanager
async def reporting(
    system: SystemDatabase,
    freshness: Freshness,
    pool: ClientPool[Client],
    key_ids: Sequence[str],
    every: timedelta,
    slots: int = 0,
) -> AsyncGenerator[None]:
    """Write this process's numbers, and which encryption keys it has, while the block runs.

    `slots` is how many jobs it runs at once.
    """
    process = {"host": socket.gethostname(), "pid": os.getpid(), "command": " ".join(sys.argv[1:2])}

    async def report() -> None:
        while True:
            numbers = asdict(pool.statistics())
            with contextlib.suppress(PyMongoError):
                await system[HEARTBEATS].update_one(
                    {"_id": freshness.process_id},
                    {
                        "$set": {
                            "process": process,
                            "pool": numbers,
                            "keys": list(key_ids),
                            "slots": slots,
                            "at": datetime.now(UTC),
                        }
                    },
                    upsert=True,
                )
            await asyncio.sleep(every.total_seconds())

    task = asyncio.create_task(report())
    try:
        yield
    finally:
        await end_tasks([task])


async def reports(system: SystemDatabase, at: datetime) -> list[Document]:
    """Read what the running processes said last: {process: {host, pid, command}, pool: {…}, keys}."""
    return [row for row in await all_reports(system) if "pool" in row and row["at"] >= at - _ALIVE]


async def all_slots(system: SystemDatabase, at: datetime) -> int:
    """Count the jobs that all running processes together run at once."""
    rows = system[HEARTBEATS].find({"at": {"$gte": at - _ALIVE}}, {"slots": 1})
    return sum([row.get("slots", 0) async for row in rows])


async def all_reports(system: SystemDatabase) -> list[Document]:
    """Read what was said last, also by processes whose clock differs, or that are paused or just killed."""
    rows = system[HEARTBEATS].find({}, {"process": 1, "pool": 1, "keys": 1, "at": 1, "slots": 1})
    return [row async for row in rows]
