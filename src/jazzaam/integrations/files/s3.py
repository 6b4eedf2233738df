"""Files in a bucket of an S3-compatible object store, under a name that begins with their tenant's id."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import obstore
from bson import ObjectId
from obstore.exceptions import BaseError
from obstore.store import S3Store

from jazzaam.integrations.files import FileMissing, FilesUnavailable, Shelf
from jazzaam.logging import get_logger
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.models import TenantId

log = get_logger(__name__)

_PART_BYTES: Final = 8 * 2**20
_PIECE_BYTES: Final = 256 * 2**10
_OPTIONS: Final = {"endpoint", "region"}
_TRIES: Final = 3


class S3FileStore:
    """Keeps files in `bucket`, each at `prefix/tenant/shelf/id`.

    `address` is `s3://bucket/prefix?endpoint=https://…&region=…`. Raises `ValueError` for another.
    """

    def __init__(self, address: str, key_id: str | None, secret: str | None) -> None:
        parts, asked = urlsplit(address), dict(parse_qsl(urlsplit(address).query))
        if parts.scheme != "s3" or not parts.hostname or asked.keys() - _OPTIONS:
            raise ValueError("is not an address like s3://bucket/prefix?endpoint=https://…&region=…")
        given: dict[str, Any] = dict(asked)
        if key_id is not None and secret is not None:
            given |= {"access_key_id": key_id, "secret_access_key": secret}
        self._store = S3Store(
            parts.hostname,
            prefix=parts.path.strip("/") or None,
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": asked.get("endpoint", "").startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=60),
            },
            retry_config={"max_retries": _TRIES, "retry_timeout": timedelta(seconds=30)},
            **given,
        )

    async def put(
        self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId, content: AsyncIterator[bytes]
    ) -> int:
        """Write a file in the place of what has its id; gives its bytes."""
        written = 0

        async def counted() -> AsyncGenerator[bytes]:
            nonlocal written
            async for piece in content:
                written += len(piece)
                yield piece

        async with _answering():
            await obstore.put_async(
                self._store, _path(db, shelf, file_id), counted(), chunk_size=_PART_BYTES
            )
        return written

    async def size(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> int:
        """Give a file's bytes; raises `FileMissing`."""
        async with _answering():
            found = await obstore.head_async(self._store, _path(db, shelf, file_id))
        return found["size"]

    async def read(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> AsyncIterator[bytes]:
        """Read a file, piece by piece; raises `FileMissing`."""
        async with _answering():
            found = await obstore.get_async(self._store, _path(db, shelf, file_id))
            async for piece in found.stream(min_chunk_size=_PIECE_BYTES):
                yield bytes(piece)

    async def remove(self, db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> None:
        """Remove a file; safe to repeat."""
        async with _answering():
            await obstore.delete_async(self._store, _path(db, shelf, file_id))

    async def check(self) -> str:
        """Try to write and to remove; raises `FilesUnavailable`."""
        path = f"doctor/{ObjectId()}"
        async with _answering():
            await obstore.put_async(self._store, path, b"")
            await obstore.delete_async(self._store, path)
        return "the bucket takes files, and lets them go"

    async def remove_all(self, tenant_id: TenantId) -> None:
        """Remove every file of a tenant; safe to repeat."""
        async with _answering():
            found = self._store.list(f"{tenant_id}/")  # pyright: ignore[reportUnknownMemberType]
            async for some in found:
                await obstore.delete_async(self._store, [one["path"] for one in some])


def _path(db: TenantDatabase, shelf: Shelf, file_id: ObjectId) -> str:
    return f"{db.tenant.id}/{shelf}/{file_id}"


@asynccontextmanager
async def _answering() -> AsyncGenerator[None]:
    """Say in our words what went wrong. Raises `FileMissing`, `FilesUnavailable`."""
    try:
        yield
    except FileNotFoundError:
        raise FileMissing from None
    except (BaseError, OSError) as error:
        log.warning("files.unavailable", error=type(error).__name__)
        raise FilesUnavailable from None
