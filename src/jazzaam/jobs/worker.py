"""From the broker to the rows: takes messages as it has hands free, and runs the jobs they point to."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

from jazzaam.clock import Clock
from jazzaam.jobs.broker import Broker
from jazzaam.jobs.counts import JobCounts
from jazzaam.jobs.letters import DeadLetters, Pointless, Reason
from jazzaam.jobs.messages import Forged, Messages
from jazzaam.jobs.models import Place
from jazzaam.jobs.runner import Runner
from jazzaam.logging import get_logger
from jazzaam.tasks import end_tasks, run_until

log = get_logger(__name__)

_AGAIN_SECONDS = 1.0
_PUT_BACK_SECONDS = 2.0
_CROWDED_SECONDS = 0.05


class Worker:
    """Runs at most `slots` jobs at once.

    When it is to stop it takes no more, and those that run have `drain` to end; then they are put back.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        messages: Messages,
        letters: DeadLetters,
        runner: Runner,
        clock: Clock,
        slots: int,
        drain: timedelta = timedelta(seconds=5),
    ) -> None:
        self._broker = broker
        self._messages = messages
        self._letters = letters
        self._runner = runner
        self._clock = clock
        self._slots = slots
        self._drain = drain
        self._running: set[asyncio.Task[None]] = set()
        self._at_work: Counter[str | None] = Counter()

    @property
    def counts(self) -> JobCounts:
        """What its jobs came to since it began."""
        return self._runner.counts

    async def run(self, *, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then end or put back what runs."""
        try:
            await run_until(stop, [self._take()])
        finally:
            await self._end_running()

    async def _end_running(self) -> None:
        for seconds in (self._drain.total_seconds(), _PUT_BACK_SECONDS):
            if self._running:
                await asyncio.wait(self._running, timeout=seconds)
            for task in self._running:
                task.cancel()
        await end_tasks(self._running.copy())

    async def _take(self) -> None:
        free = asyncio.Semaphore(self._slots)
        while True:
            try:
                async with aclosing(self._broker.receive()) as messages:
                    await self._take_from(messages, free)
            except Exception as error:  # noqa: BLE001 - whatever a broker says, it is asked again
                log.warning("worker.broker_failed", error=type(error).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _take_from(self, messages: AsyncGenerator[bytes], free: asyncio.Semaphore) -> None:
        while True:
            await free.acquire()
            try:
                message = await anext(messages)
            except BaseException:
                free.release()
                raise
            task = asyncio.create_task(self._run(message))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: free.release())

    async def _run(self, message: bytes) -> None:
        try:
            try:
                await self._run_at(self._messages.read(message))
            except Forged:
                await self._leave(message, Reason.forged)
            except Pointless as pointless:
                await self._leave(message, pointless.reason)
        except Exception as error:  # noqa: BLE001 - the row is as it was: a relay finds it again
            log.warning("job.not_run", error=type(error).__name__)

    async def _run_at(self, place: Place) -> None:
        """Run a job, unless its tenant has nearly all hands here.

        The relay sees to that by what it hears of rows, which a tenant may have written itself. Here it is
        counted; the job waits until the relay hands it over once more.
        """
        whose, most = place.tenant_id, max(1, self._slots - max(1, self._slots // 8))
        if self._at_work[whose] >= most:
            await asyncio.sleep(_CROWDED_SECONDS)  # a relay hears of an end before it is over here
        if self._at_work[whose] >= most:
            log.warning("job.crowded_out", tenant=whose)
            return
        self._at_work[whose] += 1
        try:
            await self._runner.run(place)
        finally:
            self._at_work[whose] -= 1
            if not self._at_work[whose]:
                del self._at_work[whose]

    async def _leave(self, message: bytes, reason: Reason) -> None:
        log.warning("job.dead_letter", reason=reason)
        self._runner.counts.letters[reason] += 1
        await self._letters.leave(message, reason, self._clock.now())
