"""Messages that led to nothing: kept, so that somebody can see that they came."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pymongo.errors import DuplicateKeyError

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import Document, SystemDatabase

KEPT: Final = timedelta(days=30)
_MOST: Final = 1_000

DEAD_LETTERS: Final = CollectionSpec(
    "deadletters",
    indexes=(IndexSpec("forgets", (("lastAt", 1),), expire_after=KEPT),),
)
"""{_id: the message's hash, reason, count, firstAt, lastAt}: never what it said."""


class Reason(StrEnum):
    """Why a message led to nothing."""

    forged = "forged"
    no_company = "no such company"
    elsewhere = "the company is not on that cluster"
    no_job = "no such job"
    replayed = "that attempt is over"


class Pointless(Exception):
    """A message that we signed, and that there is nothing to do for."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class DeadLetters:
    """Keeps what came, one row a message, at most a thousand for each reason.

    Whoever floods a broker fills no disk, and hides nothing of another kind.
    """

    def __init__(self, system: Callable[[], SystemDatabase]) -> None:
        self._system = system

    async def leave(self, message: bytes, reason: Reason, at: datetime) -> None:
        """Keep that a message came; one that came before is counted."""
        rows, digest = self._system()[DEAD_LETTERS], hashlib.sha256(message).hexdigest()
        again = {"$inc": {"count": 1}, "$set": {"lastAt": at}}
        if await rows.update_one({"_id": digest}, again) or await rows.count({"reason": reason}) >= _MOST:
            return
        first = {"_id": digest, "reason": reason, "count": 1, "firstAt": at, "lastAt": at}
        try:
            await rows.insert(first)
        except DuplicateKeyError:  # it came twice at this moment
            await rows.update_one({"_id": digest}, again)

    async def find(self, limit: int) -> list[Document]:
        """List what came, the latest first."""
        fields = {"reason": 1, "count": 1, "firstAt": 1, "lastAt": 1}
        found = self._system()[DEAD_LETTERS].find({}, fields, sort=[("lastAt", -1)], limit=limit)
        return [row async for row in found]
