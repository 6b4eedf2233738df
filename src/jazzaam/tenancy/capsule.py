"""One tenant in one file, at one point in time.

An export copies each collection while the tenant goes on working, and hears its changes meanwhile. Then it
takes a snapshot, and writes what changed since the copy began as it is *there*: a copy that was not changed
is the same at the snapshot's time, and one that was is corrected. So a capsule is consistent however long
the copy took; only the changed documents have to be read within the server's snapshot window.
"""

import asyncio
import os
import secrets
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import bson
from bson.timestamp import Timestamp
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from jazzaam.errors import Unavailable
from jazzaam.logging import get_logger
from jazzaam.signing import Keyring
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.capsule_format import FORMAT, Kind, Writer, decode
from jazzaam.tenancy.clusters import Client
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.database import CompanyScope, Document, SystemDatabase
from jazzaam.tenancy.models import Tenant, TenantId
from jazzaam.tenancy.schema import Shape

log = get_logger(__name__)

PURPOSE: Final = "capsule"
"""What a capsule's signature is made for."""
_BATCH: Final = 1000
_ROUNDS: Final = 5
_PAUSE_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 60
_MOST_CHANGED: Final = 500_000
"""How many changed documents an export remembers, about 100 bytes each."""
_SNAPSHOT_GONE: Final = (239, 246)
_CHANGES: Final = ("insert", "update", "replace", "delete")
_TIMESTAMPED: Final = "82"
"""How a change stream's token begins: a key string's mark for a timestamp, in hexadecimal."""

Adopt = Callable[[SystemDatabase, TenantId, Document], Awaitable[None]]


class CapsuleFailed(Unavailable):
    """No consistent capsule could be made; try again."""


@dataclass(frozen=True, slots=True)
class Portable:
    """A shared collection whose rows travel with their tenant: `fields` of them alone, no secret.

    `adopt` writes such a row for a tenant that was imported, in the running change. It believes nothing in
    it: no id of an account, a member or a key.
    """

    spec: CollectionSpec
    fields: Sequence[str]
    adopt: Adopt


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into a capsule; `left_out` are collections that are not declared."""

    documents: int
    bytes: int
    seconds: float
    left_out: Sequence[str]


async def export(
    tenant: Tenant,
    path: Path,
    *,
    client: Client,
    shape: Shape,
    system: SystemDatabase,
    owner: object,
    portable: Iterable[Portable],
    keyring: Keyring,
    at: datetime,
) -> Exported:
    """Write a tenant's capsule to `path` (mode 0600), which is there when it is whole or not at all.

    `client` may read the tenant's database; `owner` is the tenant as shared rows name it. Raises
    `CapsuleFailed` when it has another release's shape, or no consistent view could be had,
    `FileExistsError` and other `OSError`s.
    """
    if tenant.schema_fingerprint != shape.fingerprint:
        raise CapsuleFailed("It has another release's shape: migrate it, or export it with that release.")
    if path.exists():  # noqa: ASYNC240 - one look at a local file
        raise FileExistsError(path)
    began = asyncio.get_running_loop().time()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = Writer(file)
            writer.write_document(Kind.header, _header(tenant, at))
            carried = {spec.name for spec in shape.collections if not spec.derived}
            counts, time, others = await _write_database(writer, client[tenant.database], carried)
            for row in portable:
                await _write_rows(writer, CompanyScope(system, owner), row)
            _finish(writer, counts, time, keyring)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    seconds = asyncio.get_running_loop().time() - began
    left_out = sorted(set(others) - {spec.name for spec in shape.collections})
    return Exported(sum(counts.values()), writer.bytes, seconds, left_out)


def _publish(draft: Path, path: Path) -> None:
    """Give a finished file its name; a link, unlike a rename, takes nobody's place. `FileExistsError`."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        draft.rename(path)


def _header(tenant: Tenant, at: datetime) -> Document:
    return {
        "format": FORMAT,
        "tenant": tenant.id,
        "schemaFingerprint": tenant.schema_fingerprint,
        "dataVersion": tenant.data_version,
        "createdAt": at,
    }


def _finish(writer: Writer, counts: dict[str, int], time: Timestamp | None, keyring: Keyring) -> None:
    written = writer.tally.collections
    manifest: Document = {
        "clusterTime": time,
        "collections": {name: written[name].as_document(counts[name]) for name in sorted(written)},
    }
    writer.finish(manifest, keyring.key(PURPOSE), keyring.current_id)


async def _write_rows(writer: Writer, scope: CompanyScope, portable: Portable) -> None:
    async for row in scope[portable.spec].find({}, dict.fromkeys(portable.fields, 1)):
        del row["_id"]
        writer.write_document(Kind.row, {"collection": portable.spec.name, "row": row})


async def _write_database(
    writer: Writer, database: AsyncDatabase[Document], declared: Collection[str]
) -> tuple[dict[str, int], Timestamp | None, Sequence[str]]:
    """Write every declared collection as it is at one time.

    Gives the counts at that time, the time, and which collections were left out.
    """
    async with _changes_of(database, declared) as changes:
        shapes = [row async for row in await database.list_collections() if _is_copied(row)]
        left_out = sorted(row["name"] for row in shapes if row["name"] not in declared)
        names = sorted(row["name"] for row in shapes if row["name"] in declared)
        for row in sorted(shapes, key=lambda row: row["name"]):
            if row["name"] in declared:
                indexes = [index async for index in await database[row["name"]].list_indexes()]
                shape = {"name": row["name"], "options": row.get("options", {}), "indexes": indexes}
                writer.write_document(Kind.shape, shape)
        await _copy_all(writer, database, names)
        for attempt in range(_ROUNDS):
            try:
                return *await _correct(writer, database, names, changes), left_out
            except OperationFailure as error:
                if error.code not in _SNAPSHOT_GONE:
                    raise
                log.info("capsule.snapshot_gone", error=str(error)[:300])
                await asyncio.sleep(_PAUSE_SECONDS * (attempt + 1))
    raise CapsuleFailed


async def _copy_all(writer: Writer, database: AsyncDatabase[Document], names: Sequence[str]) -> None:
    """Copy every collection, after all that the change stream does not tell.

    The stream begins after what the primary had applied, of which a majority may not know yet: a plain
    majority read could see less. So the session hears how far the primary is, and its reads wait for that.
    """
    async with database.client.start_session(causal_consistency=True) as session:
        await database.command("ping", session=session)
        for name in names:
            writer.write_document(Kind.collection, {"name": name})
            collection = database.get_collection(name, read_concern=ReadConcern("majority"))
            found = collection.find_raw_batches({}, sort=[("_id", 1)], batch_size=_BATCH, session=session)
            async for batch in _raw(found):
                await asyncio.to_thread(writer.write, Kind.documents, batch)


async def _raw(batches: Any) -> AsyncGenerator[bytes]:
    """Give a cursor's batches as the bytes they are; PyMongo's annotation says otherwise."""
    async for batch in batches:
        if batch:
            yield batch


async def _correct(
    writer: Writer, database: AsyncDatabase[Document], names: Sequence[str], changes: "_Changes"
) -> tuple[dict[str, int], Timestamp | None]:
    """Write what changed since the copies began, as it is in one snapshot; gives its counts and time."""
    async with database.client.start_session(snapshot=True) as session:
        counts = {name: await _count(database, name, session) for name in names}
        time: Timestamp | None = session._snapshot_time  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if time is not None:
            await changes.until(time)
        for name, ids in changes.so_far().items():
            if name not in counts:
                counts[name] = await _count(database, name, session)
            for some in _chunks(ids, _BATCH):
                writer.write_document(Kind.correction, {"name": name})
                writer.write(Kind.removed, b"".join(some))
                wanted = [decode(one)["_id"] for one in some]
                found = database[name].find_raw_batches({"_id": {"$in": wanted}}, session=session)
                async for batch in _raw(found):
                    await asyncio.to_thread(writer.write, Kind.documents, batch)
    return counts, time


async def _count(database: AsyncDatabase[Document], name: str, session: AsyncClientSession) -> int:
    counted = await database[name].aggregate([{"$count": "n"}], session=session)
    return sum([row["n"] async for row in counted])


class _Changes:
    """Which documents changed since the stream was opened, and up to when we have heard."""

    def __init__(self, stream: AsyncChangeStream[Document], declared: Collection[str]) -> None:
        self._stream = stream
        self._declared = declared
        self._ids: dict[str, set[bytes]] = {}
        self._number = 0
        self._heard = asyncio.Condition()
        self._until = Timestamp(0, 0)

    def so_far(self) -> dict[str, list[bytes]]:
        """List what changed, by collection: as it is now, since more is heard meanwhile."""
        return {name: sorted(self._ids[name]) for name in sorted(self._ids)}

    async def follow(self) -> None:
        """Listen until cancelled.

        Raises `CapsuleFailed` when a collection is dropped or renamed, or too much changed to remember.
        """
        while True:
            event = await self._stream.try_next()
            if event is not None:
                self._note(event)
            token = self._stream.resume_token
            if token is not None:
                async with self._heard:
                    time = _time_of(token)
                    # all changes of a transaction have one time: until a pause, more of it may come
                    self._until = time if event is None else _just_before(time)
                    self._heard.notify_all()

    def _note(self, event: Document) -> None:
        if "ns" in event and event["ns"].get("coll") not in self._declared:
            return
        if event["operationType"] not in _CHANGES:
            raise CapsuleFailed
        ids = self._ids.setdefault(event["ns"]["coll"], set())
        before = len(ids)
        ids.add(bson.encode({"_id": event["documentKey"]["_id"]}))
        self._number += len(ids) - before
        if self._number > _MOST_CHANGED:
            raise CapsuleFailed("Too much of this company changes: export it at a quieter time.")

    async def until(self, time: Timestamp) -> None:
        """Wait until everything up to `time` was heard; raises `CapsuleFailed` after a minute."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), self._heard:
                await self._heard.wait_for(lambda: self._until >= time)
        except TimeoutError:
            raise CapsuleFailed from None


@asynccontextmanager
async def _changes_of(
    database: AsyncDatabase[Document], declared: Collection[str]
) -> AsyncGenerator[_Changes]:
    """Hear a database's changes during the block; what breaks the hearing breaks the block."""
    shown = {"operationType": 1, "ns": 1, "documentKey": 1}
    async with await database.watch([{"$project": shown}], max_await_time_ms=100) as stream:
        changes = _Changes(stream, declared)
        try:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(changes.follow())
                yield changes
                await end_tasks([following])
        except* Exception as failures:  # noqa: BLE001 - whatever it was, without the group around it
            raise failures.exceptions[0] from None


def _time_of(token: Mapping[str, Any]) -> Timestamp:
    """Read the cluster time that a change stream's token begins with."""
    data = str(token["_data"])
    if not data.startswith(_TIMESTAMPED):
        raise CapsuleFailed
    return Timestamp(int(data[2:10], 16), int(data[10:18], 16))


def _just_before(time: Timestamp) -> Timestamp:
    return Timestamp(time.time, time.inc - 1) if time.inc else Timestamp(time.time - 1, 2**32 - 1)


def _is_copied(row: Mapping[str, Any]) -> bool:
    return row.get("type") == "collection" and not row["name"].startswith("system.")


def _chunks(items: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    source = iter(items)
    while some := list(islice(source, size)):
        yield some
