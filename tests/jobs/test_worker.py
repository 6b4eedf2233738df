"""Taking messages: as many as there are hands; what is not ours leaves a dead letter and nothing else."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from tests.jobs.conftest import Happened, note, row_of

from jazzaam.jobs.broker import broker_at
from jazzaam.jobs.letters import _MOST, DEAD_LETTERS, DeadLetters, Reason
from jazzaam.jobs.messages import Messages
from jazzaam.jobs.models import Place
from jazzaam.jobs.worker import Worker
from jazzaam.signing import Keyring


@pytest.fixture
def letters(application):
    return DeadLetters(application.deployment.system)


@pytest.fixture
async def rows(application):
    rows = application.deployment.system()[DEAD_LETTERS]
    await rows.delete_many({})
    yield rows
    await rows.delete_many({})


@dataclass
class Slow:
    """A runner that notes how many run at once, and waits until it is told."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    most: int = 0
    ended: int = 0
    cancelled: int = 0

    async def run(self, _place):
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        self.ended += 1


def worker(application, letters, runner, slots=4, drain=timedelta(seconds=5)):
    broker, messages = broker_at(None, "x", 20), Messages(application.keyring)
    made = Worker(
        broker=broker, messages=messages, letters=letters, runner=runner, slots=slots, drain=drain,
        clock=application.control.clock,
    )  # fmt: skip
    return made, broker, messages


async def true(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def ended(company, place):
    async with asyncio.timeout(10):
        while (await row_of(company, place))["state"] != "done":
            await asyncio.sleep(0.01)


async def counted(rows, count):
    async with asyncio.timeout(10):
        while await rows.count({}) < count:
            await asyncio.sleep(0.01)


async def test_it_runs_as_many_as_it_has_hands(application, letters):
    runner = Slow()
    made, broker, messages = worker(application, letters, runner, slots=3)
    stop = asyncio.Event()
    running = asyncio.create_task(made.run(stop=stop))
    for number in range(10):
        await broker.send(messages.write(Place("main", f"{number % 5:024x}", ObjectId(), 0)))

    await true(lambda: runner.running == 3)
    runner.go.set()
    await true(lambda: runner.ended == 10)

    stop.set()
    await running
    assert runner.most == 3


async def test_one_tenant_never_has_all_hands_whatever_a_relay_hands_over(application, letters):
    runner = Slow()
    made, broker, messages = worker(application, letters, runner, slots=8)
    stop = asyncio.Event()
    running = asyncio.create_task(made.run(stop=stop))
    for _ in range(12):
        await broker.send(messages.write(Place("main", "a" * 24, ObjectId(), 0)))
    await true(lambda: runner.running == 7)

    await broker.send(messages.write(Place("main", "b" * 24, ObjectId(), 0)))

    await true(lambda: runner.running == 8)
    runner.go.set()
    stop.set()
    await running


async def test_when_it_stops_what_runs_may_end_and_what_does_not_is_cancelled(application, letters):
    for drain, ends in ((timedelta(seconds=5), 1), (timedelta(), 0)):
        runner = Slow()
        made, broker, messages = worker(application, letters, runner, drain=drain)
        stop = asyncio.Event()
        running = asyncio.create_task(made.run(stop=stop))
        await broker.send(messages.write(Place("main", None, ObjectId(), 0)))
        await true(lambda runner=runner: runner.running == 1)

        stop.set()
        await asyncio.sleep(0.05)
        if ends:
            runner.go.set()
        async with asyncio.timeout(5):
            await running

        assert (runner.ended, runner.cancelled) == (ends, 1 - ends)


async def test_what_is_forged_repeated_or_about_nothing_leaves_a_dead_letter_and_nothing_else(
    acme, application, letters, rows, runner, enqueue
):
    place = await enqueue(note, Happened(what="once"))
    made, broker, messages = worker(application, letters, runner)
    stranger = Messages(Keyring(["a key of thirty-two bytes that is not ours"]))
    stop = asyncio.Event()
    running = asyncio.create_task(made.run(stop=stop))

    await broker.send(stranger.write(place))
    await broker.send(b"\x80\x04cos\nsystem\n")
    await counted(rows, 2)
    assert (await row_of(acme, place))["state"] == "queued"

    await broker.send(messages.write(place))
    await ended(acme, place)
    await broker.send(messages.write(place))
    await broker.send(messages.write(place._replace(job_id=ObjectId())))
    await broker.send(messages.write(place._replace(tenant_id="f" * 24)))
    await counted(rows, 5)
    stop.set()
    await running

    found = {row["_id"]: row["reason"] for row in await letters.find(10)}
    assert sorted(found.values()) == sorted(
        [Reason.forged, Reason.forged, Reason.replayed, Reason.no_job, Reason.no_company]
    )
    assert (await row_of(acme, place))["attempt"] == 1


class TestLetters:
    async def test_what_comes_again_is_counted(self, letters, rows):
        first, second = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)
        await letters.leave(b"x", Reason.forged, first)
        await asyncio.gather(*(letters.leave(b"x", Reason.forged, second) for _ in range(3)))

        (row,) = await letters.find(10)
        assert (row["count"], row["firstAt"], row["lastAt"]) == (4, first, second)

    async def test_a_flood_fills_no_disk(self, letters, rows):
        at = datetime(2027, 1, 1, tzinfo=UTC)
        await rows.insert_all(
            {"_id": str(number), "reason": Reason.forged, "lastAt": at} for number in range(_MOST)
        )

        await letters.leave(b"one more", Reason.forged, at)
        assert await rows.count({}) == _MOST

        await letters.leave(b"another kind", Reason.no_job, at)
        assert await rows.count({}) == _MOST + 1
