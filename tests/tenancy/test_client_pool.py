import asyncio
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jazzaam.tenancy.client_pool import ClientPool, Overflow, PoolPolicy
from jazzaam.tenancy.errors import PoolExhausted


class Client:
    """Something that is open until it is closed."""

    def __init__(self, world, key):
        self.world, self.key, self.open = world, key, True
        world.live.append(self)

    async def close(self):
        await self.world.pause()
        self.open = False
        self.world.live.remove(self)


class World:
    """Clients that count themselves, and a clock that is moved by hand."""

    def __init__(self, policy):
        self.live, self.connects, self.now, self.failing = [], {}, 0.0, set()
        self.connecting, self.most = 0, 0
        self.being_connected, self.doubled = set(), False
        self.pool = ClientPool(policy, monotonic=lambda: self.now)

    async def pause(self):
        for _ in range(3):
            await asyncio.sleep(0)

    def lease(self, key):
        async def connect():
            self.connecting += 1
            self.doubled |= key in self.being_connected
            self.being_connected.add(key)
            self.connects[key] = self.connects.get(key, 0) + 1
            self.most = max(self.most, len(self.live) + self.connecting)
            try:
                await self.pause()
                if key in self.failing:
                    raise ConnectionError(key)
                return Client(self, key)
            finally:
                self.connecting -= 1
                self.being_connected.discard(key)

        return self.pool.lease(key, connect)


def small(**policy):
    return PoolPolicy(**{"size": 2, "wait_for": timedelta(seconds=5), **policy})


async def test_however_many_ask_at_once_a_client_is_opened_once():
    world = World(small())

    leases = await asyncio.gather(*(world.lease("a") for _ in range(50)))

    assert world.connects == {"a": 1}
    assert len({id(lease.client) for lease in leases}) == 1
    assert world.pool.statistics().clients["a"].leases == 50


async def test_the_least_recently_used_idle_client_goes_first():
    world = World(small())
    for key in "ab":
        (await world.lease(key)).release()
    (await world.lease("a")).release()

    await world.lease("c")

    assert sorted(client.key for client in world.live) == ["a", "c"]
    assert world.pool.statistics().evicted == 1


async def test_a_leased_client_is_never_closed():
    world = World(small())
    held = [await world.lease(key) for key in "ab"]
    waiting = asyncio.create_task(world.lease("c"))
    await asyncio.sleep(0.02)

    assert all(lease.client.open for lease in held)
    assert not waiting.done()
    assert world.pool.statistics().waiting == 1

    held[0].release()
    assert (await waiting).client.key == "c"
    assert held[1].client.open


async def test_one_that_was_evicted_works_again_at_once():
    world = World(small(size=1))
    for key in "abab":
        lease = await world.lease(key)
        assert lease.client.open
        lease.release()

    assert world.connects == {"a": 2, "b": 2}


async def test_waiting_has_an_end():
    world = World(small(size=1, wait_for=timedelta(milliseconds=20)))
    held = await world.lease("a")

    with pytest.raises(PoolExhausted) as refused:
        await world.lease("b")

    assert refused.value.status == 503
    held.release()
    assert (await world.lease("b")).client.open


async def test_refusing_is_at_once():
    world = World(small(size=1, overflow=Overflow.refuse))
    held = await world.lease("a")

    with pytest.raises(PoolExhausted):
        await world.lease("b")
    held.release()

    assert (await world.lease("b")).client.key == "b"


async def test_a_failed_connection_is_not_remembered():
    world = World(small())
    world.failing.add("a")
    failures = await asyncio.gather(*(world.lease("a") for _ in range(3)), return_exceptions=True)

    assert [type(failure) for failure in failures] == [ConnectionError] * 3
    assert world.connects == {"a": 1}
    world.failing.clear()
    assert (await world.lease("a")).client.open
    assert (await world.lease("b")).client.open


async def test_a_driver_that_swallows_a_cancellation_leaves_nothing_open():
    world = World(small())

    async def stubborn():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return Client(world, "a")

    asking = asyncio.create_task(world.pool.lease("a", stubborn))
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await world.pool.close()

    assert world.live == []


async def test_idle_clients_are_closed_by_the_sweep_and_leased_ones_are_not():
    world = World(small(idle_for=timedelta(minutes=5)))
    (await world.lease("a")).release()
    held = await world.lease("b")
    world.now += 299
    assert world.pool.sweep() == 0
    world.now += 1

    assert world.pool.sweep() == 1
    await world.pause()
    await asyncio.sleep(0.01)
    assert [client.key for client in world.live] == ["b"]
    assert world.pool.statistics().clients["b"].age_seconds == 300
    held.release()


async def test_the_sweep_runs_by_itself():
    world = World(small(idle_for=timedelta(), sweep_every=timedelta(milliseconds=5)))
    async with world.pool.sweeping():
        (await world.lease("a")).release()
        async with asyncio.timeout(2):
            while world.live:
                await asyncio.sleep(0.005)


async def test_a_pool_that_has_ended_opens_nothing_again():
    """Work that outlived the pool opened a client that nobody closed."""
    world = World(small())
    async with world.pool.sweeping():
        (await world.lease("a")).release()

    for key in ("a", "b"):
        with pytest.raises(PoolExhausted):
            await world.lease(key)
    assert world.live == []


async def test_thousands_of_openings_leave_nothing_behind():
    """The guide's leak test, on a clock moved by hand."""
    world = World(small(size=5, idle_for=timedelta(seconds=1)))
    for number in range(5000):
        (await world.lease(str(number % 17))).release()
        if number % 100 == 0:
            world.now += 2
            world.pool.sweep()
    world.now += 2
    world.pool.sweep()
    await world.pool.close()

    assert world.live == []
    assert world.most <= 5
    assert world.pool.statistics().clients == {}
    assert world.pool._entries == {}
    assert world.pool._ending == set()


class PoolMachine(RuleBasedStateMachine):
    """Anything anybody can do with a pool, in any order."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.held, self.waiting = [], []

    @initialize(size=st.integers(1, 4), overflow=st.sampled_from(Overflow))
    def begin(self, size, overflow):
        async def make():
            return World(PoolPolicy(size=size, idle_for=timedelta(seconds=10), overflow=overflow))

        self.world = self.run(make())

    def run(self, work):
        return self.loop.run_until_complete(work)

    def settle(self):
        """Let what was begun go on, and collect the leases that were given."""

        async def turns():
            for _ in range(40):
                await asyncio.sleep(0)

        self.run(turns())
        for task in [task for task in self.waiting if task.done()]:
            self.waiting.remove(task)
            if not task.cancelled() and task.exception() is None:
                self.held.append(task.result())

    @rule(key=st.sampled_from("abcdefg"))
    def ask(self, key):
        self.waiting.append(self.loop.create_task(self.world.lease(key)))

    @rule()
    def go_on(self):
        self.settle()

    @rule(which=st.integers(0, 20))
    def give_back(self, which):
        if self.held:
            lease = self.held.pop(which % len(self.held))

            async def release():
                lease.release()
                lease.release()

            self.run(release())

    @rule(which=st.integers(0, 20))
    def stop_waiting(self, which):
        if self.waiting:
            self.waiting[which % len(self.waiting)].cancel()

    @rule(key=st.sampled_from("abcdefg"))
    def break_or_mend(self, key):
        self.world.failing ^= {key}

    @rule(seconds=st.integers(1, 20))
    def time_passes(self, seconds):
        async def sweep():
            self.world.now += seconds
            self.world.pool.sweep()

        self.run(sweep())

    @invariant()
    def never_over_the_cap(self):
        if hasattr(self, "world"):
            assert self.world.most <= self.world.pool.policy.size

    @invariant()
    def a_leased_client_is_open(self):
        assert all(lease.client.open for lease in self.held)

    @invariant()
    def nobody_is_connected_twice_at_once(self):
        if hasattr(self, "world"):
            assert not self.world.doubled

    @invariant()
    def nobody_has_two_clients(self):
        if hasattr(self, "world"):
            leased = {(lease.client.key, id(lease.client)) for lease in self.held}
            assert len(leased) == len({key for key, _ in leased})

    async def end(self):
        for task in self.waiting:
            task.cancel()
        await asyncio.gather(*self.waiting, return_exceptions=True)
        await self.world.pool.close()

    def teardown(self):
        if hasattr(self, "world"):
            self.run(self.end())
            assert self.world.live == []
        self.loop.close()


TestAnyOrder = PoolMachine.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
