"""Files of companies: kept in the company's own database, or in a bucket of an object store.

A store is asked with the tenant's handle, and names nothing but what is that tenant's.
"""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Final, Protocol

from bson import ObjectId

from jazzaam.errors import Unavailable
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.models import TenantId


class FileMissing(Exception):
    """There is no such file; it may have been removed."""


class FilesUnavailable(Unavailable):
    """Files cannot be reached just now; try again in a moment."""


class Shelf(StrEnum):
    """What kind of files: those of a company, and capsules, which can be made again."""

    files = "files"
    exports = "exports"


class FileStore(Protocol):
    """Keeps files whole: one that was not written to its end is not there.

    Each method raises `FilesUnavailable` when the store does not answer.
    """

    async def put(
        self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId, content: AsyncIterator[bytes]
    ) -> int:
        """Write a file in the place of what has its id; gives its bytes."""
        ...

    async def size(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> int:
        """Give a file's bytes; raises `FileMissing`."""
        ...

    def read(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> AsyncIterator[bytes]:
        """Read a file, piece by piece; raises `FileMissing`."""
        ...

    async def remove(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> None:
        """Remove a file; safe to repeat."""
        ...

    async def check(self) -> str:
        """Try to write and to remove; says in a few words what was found."""
        ...

    async def remove_all(self, tenant_id: TenantId) -> None:
        """Remove what a tenant that is erased has outside its database; safe to repeat."""
        ...


def _bucket(shelf: Shelf, *, derived: bool) -> tuple[CollectionSpec, CollectionSpec]:
    """Declare a GridFS bucket as its driver makes it."""
    files = CollectionSpec(
        f"{shelf}.files",
        indexes=(IndexSpec("the driver's: by name", (("filename", 1), ("uploadDate", 1))),),
        derived=derived,
        at_first_use=True,
    )
    chunks = CollectionSpec(
        f"{shelf}.chunks",
        indexes=(IndexSpec("a file's pieces, in order", (("files_id", 1), ("n", 1)), unique=True),),
        derived=derived,
        at_first_use=True,
    )
    return files, chunks


BUCKETS: Final = (*_bucket(Shelf.files, derived=False), *_bucket(Shelf.exports, derived=True))
"""The collections of GridFS in a company's database; with an object store they are never made."""
