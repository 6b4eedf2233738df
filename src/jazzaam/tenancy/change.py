"""The unit of work: several writes that happen together, or not at all."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import ConnectionFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from jazzaam.tenancy.database import DatabaseHandle

Result = TypeVar("Result")

_READ: Final = ReadConcern("snapshot")
_WRITE: Final = WriteConcern("majority")
_COMMIT_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """How long a change is tried: pauses grow from `first_pause` to `longest_pause`, with jitter."""

    deadline: timedelta = timedelta(seconds=15)
    first_pause: timedelta = timedelta(milliseconds=2)
    longest_pause: timedelta = timedelta(milliseconds=200)


DEFAULT_POLICY: Final = ChangePolicy()


async def change(
    handle: DatabaseHandle,
    work: Callable[[], Awaitable[Result]],
    policy: ChangePolicy = DEFAULT_POLICY,
) -> Result:
    """Run `work` in a transaction on the handle's database; its result is durable when this returns.

    All of `work` runs again after a transient error (a write conflict, a new primary), so it has no
    effect outside MongoDB. The commit is acknowledged by a majority. Any other error aborts the
    transaction and passes through: a duplicate key ends this attempt, and the caller may start
    another change. Raises the last transient error when `policy.deadline` has passed.
    """
    ends_at = time.monotonic() + policy.deadline.total_seconds()
    attempt = 0
    async with handle.client.start_session() as session:
        while True:
            try:
                return await _attempt(handle, session, work, ends_at)
            except PyMongoError as error:
                transient = error.has_error_label("TransientTransactionError")
                if not transient or time.monotonic() > ends_at:
                    raise
            await asyncio.sleep(_pause(policy, attempt))
            attempt += 1


async def _attempt(
    handle: DatabaseHandle,
    session: AsyncClientSession,
    work: Callable[[], Awaitable[Result]],
    ends_at: float,
) -> Result:
    await session.start_transaction(_READ, _WRITE, max_commit_time_ms=_COMMIT_MS)
    handle.bind(session)
    try:
        result = await work()
    except BaseException:
        handle.bind(None)
        if session.in_transaction:
            await session.abort_transaction()
        raise
    handle.bind(None)
    await _commit(session, ends_at)
    return result


async def _commit(session: AsyncClientSession, ends_at: float) -> None:
    """Commit; when nobody can say whether it happened, ask again: committing twice is safe."""
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            unknown = error.has_error_label("UnknownTransactionCommitResult")
            if not unknown or time.monotonic() > ends_at:
                raise
            if isinstance(error, ConnectionFailure):
                await asyncio.sleep(0.05)
        else:
            return


def may_be_committed(error: Exception) -> bool:
    """Tell whether a change that ended with an error may have happened all the same."""
    if not isinstance(error, PyMongoError):
        return False
    return isinstance(error, ConnectionFailure) or error.has_error_label("UnknownTransactionCommitResult")


def _pause(policy: ChangePolicy, attempt: int) -> float:
    """Seconds before the next attempt: exponential, full jitter."""
    first, longest = policy.first_pause.total_seconds(), policy.longest_pause.total_seconds()
    return random.uniform(0, min(longest, first * 2 ** min(attempt, 16)))  # noqa: S311 - not a secret
