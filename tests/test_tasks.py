"""Parts that run side by side: one that works no more is noticed."""

import asyncio
import contextlib
import functools

import pytest

from jazzaam import tasks
from jazzaam.tasks import ended_by, run_until


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


def in_its_own_task(test):
    """Run a test in a task of its own: what is cancelled there is nobody else's."""

    @functools.wraps(test)
    async def run(self, **given):
        await asyncio.create_task(test(self, **given))

    return run


class TestEndedBy:
    @in_its_own_task
    async def test_what_the_watch_raises_ends_the_block_and_comes_out_of_it(self):
        async def watch():
            await asyncio.sleep(0.01)
            raise LookupError

        with pytest.raises(LookupError):
            async with ended_by(watch()):
                await asyncio.sleep(10)
        await asyncio.sleep(0)  # nothing of the cancellation is left

    @in_its_own_task
    async def test_a_driver_that_turns_the_cancellation_into_its_own_error_hides_nothing(self):
        async def watch():
            raise LookupError

        async def driver():
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise OSError from None

        with pytest.raises(LookupError):
            async with ended_by(watch()):
                await driver()
        assert asyncio.current_task().cancelling() == 0

    @in_its_own_task
    async def test_a_block_that_ended_in_the_same_moment_has_ended_by_itself(self):
        go = asyncio.Event()

        async def watch():
            await go.wait()
            raise LookupError

        for _ in range(50):
            go.clear()
            async with ended_by(watch()):
                await asyncio.sleep(0)
                go.set()
            await asyncio.sleep(0)
        assert asyncio.current_task().cancelling() == 0

    @in_its_own_task
    async def test_a_block_that_swallows_the_cancellation_and_ends_raises_all_the_same(self):
        async def watch():
            raise LookupError

        async def swallow():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)

        with pytest.raises(LookupError):
            async with ended_by(watch()):
                await swallow()
        assert asyncio.current_task().cancelling() == 0
        async with asyncio.timeout(1):
            await asyncio.sleep(0)

    @in_its_own_task
    async def test_a_block_that_swallows_it_and_goes_on_is_cancelled_again(self, monkeypatch):
        swallowed = []

        async def watch():
            raise LookupError

        async def go_on():
            while len(swallowed) < 3:
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    swallowed.append(1)
            await asyncio.sleep(10)

        monkeypatch.setattr(tasks, "_AGAIN_SECONDS", 0.02)
        with pytest.raises(LookupError):
            async with ended_by(watch()):
                await go_on()
        assert asyncio.current_task().cancelling() == 0

    @in_its_own_task
    async def test_the_watch_ends_with_the_block(self):
        ended = asyncio.Event()

        async def watch():
            try:
                await asyncio.sleep(10)
            finally:
                ended.set()

        async with ended_by(watch()):
            await asyncio.sleep(0)
        assert ended.is_set()

    @in_its_own_task
    async def test_a_block_that_is_cancelled_from_outside_is_cancelled(self):
        async def watch():
            await asyncio.sleep(10)

        async def block():
            async with ended_by(watch()):
                await asyncio.sleep(10)

        task = asyncio.create_task(block())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
