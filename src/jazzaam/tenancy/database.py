"""Handles: the right to use one tenant's data, or the shared database's.

A `TenantDatabase` is a value that is passed. It opens declared collections alone (`db[LEADS]`), reads
only fields that are named, and carries the session of a running change, so nobody passes one along.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

from gridfs import AsyncGridFSBucket
from pymongo import DeleteOne, ReturnDocument, UpdateOne
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.asynchronous.mongo_client import AsyncMongoClient

from jazzaam.tenancy.client_pool import Lease
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.errors import ConcurrentChange, HandleReleased, UnscopedAccess
from jazzaam.tenancy.models import Tenant

Document = dict[str, Any]
Filter = Mapping[str, Any]
Fields = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]

MAXIMUM_TIME_MS: Final = 10_000
"""How long the server may work on one read, in milliseconds."""

UNSCOPED_COMMENT: Final = "unscoped:"
"""How a query on a shared collection that is meant for every company begins its comment."""


class BoundCollection:
    """A collection of one database, in the session of its handle.

    `scope` is merged into every filter, and into every document that is inserted. Reads take the fields
    they want; there is no way to ask for all. Driver errors pass through: repositories translate them.
    """

    __slots__ = ("_collection", "_comment", "_handle", "_scope")

    def __init__(
        self,
        handle: "DatabaseHandle",
        collection: AsyncCollection[Document],
        scope: Filter,
        comment: str | None = None,
    ) -> None:
        self._handle = handle
        self._collection = collection
        self._scope = scope
        self._comment = comment

    def find(
        self,
        filter_: Filter,
        fields: Fields,
        *,
        sort: Sort | None = None,
        limit: int = 0,
        batch_size: int = 0,
        max_time_ms: int = MAXIMUM_TIME_MS,
    ) -> AsyncCursor[Document]:
        """Find documents; `limit` 0 means all of them."""
        return self._collection.find(
            self._scoped(filter_),
            fields,
            sort=sort,
            limit=limit,
            batch_size=batch_size,
            max_time_ms=max_time_ms,
            session=self._handle.session,
            comment=self._comment,
        )

    async def find_one(
        self, filter_: Filter, fields: Fields, *, sort: Sort | None = None
    ) -> Document | None:
        """Find one document."""
        return await self._collection.find_one(
            self._scoped(filter_),
            fields,
            sort=sort,
            max_time_ms=MAXIMUM_TIME_MS,
            session=self._handle.session,
            comment=self._comment,
        )

    async def count(self, filter_: Filter) -> int:
        """Count documents."""
        return await self._collection.count_documents(
            self._scoped(filter_),
            maxTimeMS=MAXIMUM_TIME_MS,
            session=self._handle.session,
            comment=self._comment,
        )

    async def size(self) -> int:
        """Count all documents by what the server remembers: quick, and near the truth."""
        if self._scope:
            return await self.count({})
        return await self._collection.estimated_document_count(
            maxTimeMS=MAXIMUM_TIME_MS, comment=self._comment
        )

    async def aggregate(self, pipeline: Sequence[Document]) -> AsyncCommandCursor[Document]:
        """Aggregate; the scope is the first `$match`."""
        return await self._collection.aggregate(
            [{"$match": dict(self._scope)}, *pipeline],
            maxTimeMS=MAXIMUM_TIME_MS,
            session=self._handle.session,
            comment=self._comment,
        )

    async def insert(self, document: Filter) -> None:
        """Insert one document; it carries its `_id`."""
        await self._collection.insert_one({**document, **self._scope}, session=self._handle.session)

    async def insert_all(self, documents: Iterable[Filter]) -> None:
        """Insert several documents, in order."""
        await self._collection.insert_many(
            [{**document, **self._scope} for document in documents], session=self._handle.session
        )

    async def update_one(self, filter_: Filter, update: Update, *, upsert: bool = False) -> bool:
        """Change one document; tells whether there was one, or one was made."""
        result = await self._collection.update_one(
            self._scoped(filter_),
            update,
            upsert=upsert,
            session=self._handle.session,
            comment=self._comment,
        )
        return bool(result.matched_count or result.upserted_id is not None)

    async def update_many(self, filter_: Filter, update: Filter) -> int:
        """Change every match; gives how many there were."""
        result = await self._collection.update_many(
            self._scoped(filter_), update, session=self._handle.session, comment=self._comment
        )
        return result.matched_count

    async def update_each(self, updates: Iterable[tuple[Filter, Update | None]]) -> None:
        """Change, make or (with None) remove the one document of each filter, in one request, in any order.

        A change makes what is missing only when it is an upsert by its own `$setOnInsert`.
        """
        await self._collection.bulk_write(
            [
                DeleteOne(self._scoped(filter_))
                if update is None
                else UpdateOne(self._scoped(filter_), update, upsert="$setOnInsert" in update)
                for filter_, update in updates
            ],
            ordered=False,
            session=self._handle.session,
            comment=self._comment,
        )

    async def find_one_and_update(
        self,
        filter_: Filter,
        update: Update,
        fields: Fields,
        *,
        sort: Sort | None = None,
        upsert: bool = False,
    ) -> Document | None:
        """Change one document and give it as it is now."""
        return await self._collection.find_one_and_update(
            self._scoped(filter_),
            update,
            projection=fields,
            sort=sort,
            upsert=upsert,
            return_document=ReturnDocument.AFTER,
            session=self._handle.session,
            comment=self._comment,
            maxTimeMS=MAXIMUM_TIME_MS,
        )

    async def replace_one(self, filter_: Filter, document: Filter, *, upsert: bool = False) -> None:
        """Put `document` in the place of the match."""
        await self._collection.replace_one(
            self._scoped(filter_),
            {**document, **self._scope},
            upsert=upsert,
            session=self._handle.session,
            comment=self._comment,
        )

    async def take(self, filter_: Filter, limit: int) -> list[Document]:
        """Remove at most `limit` matches and give them whole: what is moved elsewhere loses nothing."""
        found = self._collection.find(
            self._scoped(filter_), limit=limit, session=self._handle.session, comment=self._comment
        )
        documents = await found.to_list()
        if documents:
            await self.delete_many({"_id": {"$in": [document["_id"] for document in documents]}})
        return documents

    async def delete_many(self, filter_: Filter) -> int:
        """Remove every match; gives how many there were."""
        result = await self._collection.delete_many(
            self._scoped(filter_), session=self._handle.session, comment=self._comment
        )
        return result.deleted_count

    def _scoped(self, filter_: Filter) -> Filter:
        return {**filter_, **self._scope} if self._scope else filter_


class DatabaseHandle:
    """What both kinds of handle share: one database, and the session of a running change."""

    __slots__ = ("_database", "_owner", "_released", "_session")

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database
        self._session: AsyncClientSession | None = None
        self._owner: asyncio.Task[Any] | None = None
        self._released = False

    @property
    def client(self) -> AsyncMongoClient[Document]:
        """The client; a session works only with the one that made it."""
        return self._database.client

    @property
    def raw(self) -> AsyncDatabase[Document]:
        """The driver's own database: for this package alone, which builds, compares and copies it."""
        return self._database

    @property
    def session(self) -> AsyncClientSession | None:
        """The session of the running change, if there is one.

        Raises `ConcurrentChange` in any task but the one that runs it, and `HandleReleased` when the
        handle was given back.
        """
        if self._released:
            raise HandleReleased
        if self._session is not None and asyncio.current_task() is not self._owner:
            raise ConcurrentChange
        return self._session

    def bind(self, session: AsyncClientSession | None) -> None:
        """Enter a change with its session, or leave it with `None`; `tenancy.change` alone calls it."""
        if session is not None and self._session is not None:
            raise ConcurrentChange
        self._session = session
        self._owner = asyncio.current_task() if session is not None else None

    def release(self) -> None:
        """Give the handle back: it can do nothing any more. Safe to repeat."""
        self._released = True

    def _open(self, spec: CollectionSpec, scope: Filter, comment: str | None = None) -> BoundCollection:
        return BoundCollection(self, self._database[spec.name], scope, comment)


class TenantDatabase(DatabaseHandle):
    """One tenant's database. `Tenancy` alone makes one; holding it is the permission to use it.

    It is given back when its work is done (`with await tenancy.open(...) as db`): a dedicated tenant's
    client stays open, and out of others' reach, for as long as somebody holds it.
    """

    __slots__ = ("_lease", "tenant")

    def __init__(
        self, tenant: Tenant, database: AsyncDatabase[Document], lease: Lease[Any] | None = None
    ) -> None:
        super().__init__(database)
        self.tenant = tenant
        self._lease = lease

    def release(self) -> None:
        """Give the handle back, and with it the lease of its client. Safe to repeat."""
        super().release()
        if self._lease is not None:
            self._lease.release()

    def bucket(self, name: str) -> AsyncGridFSBucket:
        """Open a GridFS bucket: collections `name`.files and `name`.chunks, made at their first use."""
        assert self.session is None  # noqa: S101 - a file is written and read outside a change
        return AsyncGridFSBucket(self._database, name)

    async def stored_bytes(self) -> int:
        """Give the bytes that its documents and indexes take on the server's disk."""
        stats = await self._database.command("dbStats", maxTimeMS=MAXIMUM_TIME_MS)
        return int(stats["totalSize"])

    def __enter__(self) -> Self:
        """Use it in a block that gives it back."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.release()

    def __getitem__(self, spec: CollectionSpec) -> BoundCollection:
        """Open a declared collection."""
        return self._open(spec, {})


class SystemDatabase(DatabaseHandle):
    """The shared database.

    A collection that holds rows of several companies (its spec has an `owner_key`) does not open by
    index: take a `CompanyScope`, or name the reason with `unscoped`.
    """

    __slots__ = ()

    def __getitem__(self, spec: CollectionSpec) -> BoundCollection:
        """Open a collection that belongs to no company; raises `UnscopedAccess` for the others."""
        if spec.owner_key is not None:
            raise UnscopedAccess(spec.name)
        return self._open(spec, {})

    def unscoped(self, spec: CollectionSpec, reason: str) -> BoundCollection:
        """Open a shared collection over all companies; the server's log will name the `reason`."""
        return self._open(spec, {}, UNSCOPED_COMMENT + reason)

    async def watch(
        self, pipeline: Sequence[Document], *, max_await_time_ms: int
    ) -> AsyncChangeStream[Document]:
        """Open a change stream over the whole shared database."""
        return await self._database.watch(pipeline, max_await_time_ms=max_await_time_ms)


class CompanyScope:
    """The shared database as one company sees it: every filter and every insert carries its id."""

    __slots__ = ("_handle", "_owner")

    def __init__(self, system: SystemDatabase, owner: object) -> None:
        self._handle = system
        self._owner = owner

    def __getitem__(self, spec: CollectionSpec) -> BoundCollection:
        """Open a shared collection; raises `UnscopedAccess` where rows name no owner."""
        if spec.owner_key is None:
            raise UnscopedAccess(spec.name)
        return self._handle._open(spec, {spec.owner_key: self._owner})  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
