"""Files in the tenant's own database: isolated, copied and erased with it."""

from collections.abc import AsyncIterator

from bson import ObjectId
from gridfs.errors import NoFile

from jazzaam.integrations.files import FileMissing, Shelf
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.models import TenantId


class GridFsStore:
    """Keeps files in GridFS. Errors of the driver pass: it is the database that does not answer."""

    async def put(
        self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId, content: AsyncIterator[bytes]
    ) -> int:
        """Write a file in the place of what has its id; gives its bytes."""
        await self.remove(db, shelf, file_id)
        bucket, written = db.bucket(shelf), 0
        stream = bucket.open_upload_stream_with_id(file_id, str(file_id))
        try:
            async for piece in content:
                await stream.write(piece)
                written += len(piece)
        except BaseException:
            await stream.abort()
            raise
        await stream.close()
        return written

    async def size(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> int:
        """Give a file's bytes; raises `FileMissing`."""
        try:
            stream = await db.bucket(shelf).open_download_stream(file_id)
        except NoFile:
            raise FileMissing from None
        return stream.length

    async def read(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> AsyncIterator[bytes]:
        """Read a file, piece by piece; raises `FileMissing`."""
        try:
            stream = await db.bucket(shelf).open_download_stream(file_id)
        except NoFile:
            raise FileMissing from None
        async with stream:
            while piece := await stream.readchunk():
                yield piece

    async def remove(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> None:
        """Remove a file, also the pieces of one that was cut off; safe to repeat."""
        try:
            await db.bucket(shelf).delete(file_id)
        except NoFile:
            return

    async def check(self) -> str:
        """Say where files are: the database is tried elsewhere."""
        return "kept in each company's database"

    async def remove_all(self, tenant_id: TenantId) -> None:
        """Do nothing: its files go with its database."""
