"""One run of a job, as its function sees it: how far it is, whether it is to stop, what it computes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, TypeVarTuple

from bson import ObjectId

from jazzaam.jobs.computing import Computing
from jazzaam.jobs.outbox import Database

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class JobCancelled(Exception):
    """Somebody asked this job to stop."""


class NotDeclared(Exception):
    """A job computes that was not declared with `process_pool`."""


class JobContext(Protocol):
    """What a job gets as its first argument: a workspace, or the control plane."""

    @property
    def db(self) -> Database:
        """The database the job's row was found in."""
        ...

    async def change(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run a unit of work."""
        ...


class Run:
    """One run. `done` of `total` is its progress: at the start, how far an earlier attempt got.

    `note` writes progress in the running change, and fails it when the lease is lost.
    """

    def __init__(
        self,
        job_id: ObjectId,
        attempt: int,
        context: JobContext,
        note: Callable[[int, int | None], Awaitable[None]],
        *,
        done: int = 0,
        total: int | None = None,
        computing: Computing | None = None,
    ) -> None:
        self.id = job_id
        self.attempt = attempt
        self.done = done
        self.total = total
        self.cancel_asked = False
        self._context = context
        self._note = note
        self._computing = computing

    async def checkpoint(self, done: int, total: int | None = None) -> None:
        """Tell how far it is, and let others work; what is told is written about once a second.

        Raises `JobCancelled` when somebody asked for it: let it pass.
        """
        self.done, self.total = done, self.total if total is None else total
        await asyncio.sleep(0)
        if self.cancel_asked:
            raise JobCancelled

    async def change(
        self, work: Callable[[], Awaitable[Result]], *, done: int, total: int | None = None
    ) -> Result:
        """Do the next part as one unit, exactly once: its writes, and that the job is `done` so far.

        An attempt that follows begins after what is done. Raises `JobCancelled` as a checkpoint does.
        """
        await self.checkpoint(self.done, total)

        async def whole() -> Result:
            # first: what renews the lease then waits, and overtakes nothing
            await self._note(done, self.total)
            return await work()

        result = await self._context.change(whole)
        self.done = done
        return result

    async def compute(self, function: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """Compute in a process of its own: what keeps a processor busy must not hold up the others.

        `function` stands in a module, its arguments and result are plain data; it opens no connection.
        Raises `NotDeclared`, what it raises, and `BrokenWorkerProcess` when its process was ended.
        """
        if self._computing is None:
            raise NotDeclared
        return await self._computing.compute(function, *args)
