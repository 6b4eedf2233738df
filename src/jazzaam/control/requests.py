"""Requests that may be sent again: what they came to is kept for a day, beside what they changed."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Header, Request
from pymongo.errors import DuplicateKeyError, OperationFailure

from jazzaam.clock import Clock
from jazzaam.errors import Conflict, FieldError, InvalidInput
from jazzaam.jobs.publishing import AnyDatabase, AnyMessage, Publishing
from jazzaam.jobs.registry import Registry
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import SystemDatabase, TenantDatabase

Result = TypeVar("Result")

REQUESTS_KEPT: Final = timedelta(hours=24)
_WRITE_CONFLICT: Final = 112

IDEMPOTENCY: Final = CollectionSpec(
    "idempotency",
    indexes=(IndexSpec("forgets after a day", (("at", 1),), expire_after=REQUESTS_KEPT),),
    transient=True,
)
"""Requests that were answered, by the hash of who asked what under which key."""


class RequestRunning(Conflict):
    """The first request with this Idempotency-Key has not been answered yet."""


class SecondChange(Exception):
    """A request that may come again makes one change: what a second came to would not be kept."""


class RequestRepeated(Exception):
    """This request was answered before."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request that may be sent again: who, what and its key hashed, and its body hashed."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an earlier request came to; `result` is what its work returned."""

    result: Any


class RequestRepository:
    """Requests that were answered, in the database that they changed."""

    def __init__(self, db: TenantDatabase | SystemDatabase) -> None:
        self._rows = db[IDEMPOTENCY]

    async def find(self, request: RequestKey) -> Remembered | None:
        """Find what a request came to; raises `InvalidInput` when its body was another."""
        row = await self._rows.find_one({"_id": request.id}, {"body": 1, "result": 1})
        if row is None:
            return None
        if row["body"] != request.body:
            raise InvalidInput(
                [FieldError("/header/Idempotency-Key", "reused", "was used for another body")]
            )
        return Remembered(row["result"])

    async def remember(self, request: RequestKey, result: object, at: datetime) -> None:
        """Keep a result in the running change.

        Raises `RequestRunning` while another transaction does the same, `RequestRepeated` when one did.
        """
        try:
            await self._rows.insert({"_id": request.id, "body": request.body, "result": result, "at": at})
        except DuplicateKeyError:
            raise RequestRepeated from None
        except OperationFailure as error:
            if error.code == _WRITE_CONFLICT:
                raise RequestRunning from None
            raise


class Repeatable(Publishing[AnyDatabase, AnyMessage]):
    """Changes of a request that may be sent again: what one came to is given again, and nothing is done.

    A request makes one change; its result is a BSON value.
    """

    def __init__(
        self, db: AnyDatabase, registry: Registry, clock: Clock, request: RequestKey | None
    ) -> None:
        super().__init__(db, registry, clock)
        self._request = request
        self._remembered: Remembered | None = None
        self._changed = False

    async def change(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work` as one unit; a request that was answered before gives what it gave then.

        Raises `SecondChange` when such a request has made its one.
        """
        if self._request is None:
            return await super().change(work)
        if self._changed:
            raise SecondChange
        request, known = self._request, await self.known()
        if known is None:
            try:
                result = await super().change(lambda: self._remembering(request, work))
            except RequestRepeated:
                known = await self.known()
            else:
                self._changed = True
                return result
        self._changed = True
        assert known is not None  # noqa: S101 - kept for a day, and it was there
        remembered: Any = known.result
        return remembered

    async def known(self) -> Remembered | None:
        """Find what this request came to, if it was answered before; raises `InvalidInput`."""
        if self._request is not None and self._remembered is None:
            self._remembered = await RequestRepository(self.db).find(self._request)
        return self._remembered

    async def _remembering(self, request: RequestKey, work: Callable[[], Awaitable[Result]]) -> Result:
        result = await work()
        await RequestRepository(self.db).remember(request, result, self.clock.now())
        return result


def request_key(request: Request, who: str, body: bytes) -> RequestKey | None:
    """Name a POST by who asks, for what, and the key it carries; None for one that carries none."""
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if key is None:
        return None
    asked = f"{who} {request.url.path} {key}".encode()
    return RequestKey(hashlib.sha256(asked).hexdigest(), hashlib.sha256(body).hexdigest())


async def body_if_idempotent(request: Request) -> bytes:
    """Read the body that an Idempotency-Key goes with, before anything is checked."""
    asked = request.method == "POST" and "idempotency-key" in request.headers
    return await request.body() if asked else b""


async def _documents_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Send the same key and body again to get the same answer, without a second "
            "effect; kept for 24 hours.",
            pattern=r"^[A-Za-z0-9_.:/+=-]{1,255}$",
        ),
    ] = None,
) -> None:
    """Document in OpenAPI that a POST takes an Idempotency-Key; `request_key` reads it.

    It is a coroutine since the framework calls everything else in a thread.
    """


IDEMPOTENT = Depends(_documents_key)
