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


async def test_parts_within_parts_end_although_they_take_their_time():
    """Whoever ends the outer ones cancels them again and again; the inner ones are not left behind."""
    left = 0

    async def reluctant():
        nonlocal left
        left = 3
        while left:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                left -= 1
        raise asyncio.CancelledError

    outer = asyncio.create_task(run_until(asyncio.Event(), [reluctant()]))
    while not left:
        await asyncio.sleep(0)

    for _ in range(2):
        outer.cancel()
        await asyncio.sleep(0.02)

    with pytest.raises(asyncio.CancelledError):
        await outer
    assert left == 0
