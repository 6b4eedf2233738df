"""Parts that run side by side: one that works no more is noticed."""

import asyncio

import pytest

from jazzaam.tasks import run_until


async def forever():
    await asyncio.Event().wait()


async def fails():
    await asyncio.sleep(0)
    raise LookupError


async def returns():
    await asyncio.sleep(0)


async def is_cancelled():
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def test_they_run_until_they_are_told():
    stop = asyncio.Event()
    running = asyncio.create_task(run_until(stop, [forever(), forever()]))
    await asyncio.sleep(0)

    stop.set()

    await running


@pytest.mark.parametrize(
    ("part", "error"), [(fails, LookupError), (returns, RuntimeError), (is_cancelled, RuntimeError)]
)
async def test_one_that_ends_by_itself_ends_all(part, error):
    with pytest.raises(error):
        await run_until(asyncio.Event(), [forever(), part()])
