"""Running tasks together, and ending them for certain."""

import asyncio
import os
from collections.abc import AsyncGenerator, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

_ROUND_SECONDS: Final = 0.2
_ROUNDS: Final = 25
_STOP_SECONDS: Final = 9.5
_AGAIN_SECONDS: Final = 5
"""When a block that goes on is cancelled again; what it cleans up meanwhile has that long."""


async def end_tasks(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended; their errors are nobody's any more.

    Once is not enough: a driver may turn a cancellation into an error of its own, and a loop that goes
    on after errors then goes on. Gives up after 5 seconds. Whoever is cancelled meanwhile leaves none of
    them behind: they end first.
    """
    cancelled = False
    for _ in range(_ROUNDS):
        waiting = [task for task in tasks if not task.done()]
        if not waiting:
            break
        for task in waiting:
            task.cancel()
        try:
            await asyncio.wait(waiting, timeout=_ROUND_SECONDS)
        except asyncio.CancelledError:
            cancelled = True
    await asyncio.gather(*(task for task in tasks if task.done()), return_exceptions=True)
    if cancelled:
        raise asyncio.CancelledError


async def run_until(stop: asyncio.Event, parts: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run endless parts side by side until `stop` is set.

    One that ends by itself ends all: what works no more must not look as if it did. Raises its error, or
    `RuntimeError` when it had none.
    """
    tasks = [asyncio.create_task(part) for part in parts]
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            error = None if task.cancelled() else task.exception()
            raise error or RuntimeError("something that never ends has ended")
    finally:
        await end_tasks([stopping, *tasks])


@asynccontextmanager
async def ended_by(watch: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Let `watch` run beside the block; what it raises ends the block, and is raised from it.

    Once is not enough here either: what the block waits for may swallow a cancellation and go on. Each is
    taken back when the block is left, however it is left.
    """
    block, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert block is not None  # noqa: S101 - it runs in one
    watching = asyncio.create_task(watch)
    inside, times = True, 0

    def end_block() -> None:
        nonlocal times
        if inside:
            block.cancel()
            times += 1
            loop.call_later(_AGAIN_SECONDS, end_block)

    def look(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            end_block()

    watching.add_done_callback(look)
    try:
        try:
            yield
        finally:
            inside = False
            others = [block.uncancel() for _ in range(times)][-1:]
            if others == [0]:
                raise watching.exception() or asyncio.CancelledError from None
    finally:
        await end_tasks([watching])


def end_process_in_time() -> None:
    """End this process within ten seconds, whatever it still waits for.

    What it leaves is what a crash leaves: leases that run out, units that are counted anew.
    """
    asyncio.get_running_loop().call_later(_STOP_SECONDS, os._exit, 1)
