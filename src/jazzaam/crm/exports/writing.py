"""Writing an export: to a file of this machine first, then to where files are kept."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Final

from bson import ObjectId
from pymongo.errors import PyMongoError

from jazzaam.control.memberships.models import Actor
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.exports.repository import ExportRepository
from jazzaam.crm.workspace import Workspace
from jazzaam.integrations.files import Shelf
from jazzaam.jobs.run import JobCancelled, Run
from jazzaam.tasks import ended_by
from jazzaam.tenancy.database import Document

LONGEST: Final = timedelta(hours=6)
"""How long writing an export may take."""
_LOOK_SECONDS: Final = 0.5
"""How often it is asked whether who wanted an export may still have it."""
_UNKNOWN_SECONDS: Final = 10
"""For how long that may stay unknown."""
_PIECE: Final = 2**20
_FOLDER: Final = "jazzaam-export-"


async def write_export(workspace: Workspace, run: Run, asker: Actor) -> Document:
    """Write a company's capsule among its files, whole or not at all; gives its numbers.

    Each attempt writes a file of its own, and the export's is one that is whole. Raises `JobCancelled`
    within a second of when who asked may not have it any more.
    """
    files, db, exports = workspace.services.files, workspace.db, ExportRepository(workspace.db)
    file_id = ObjectId()
    if not await exports.begin_file(run.id, file_id):
        raise JobCancelled
    await asyncio.to_thread(_remove_leftovers)
    try:
        with tempfile.TemporaryDirectory(prefix=_FOLDER) as folder:
            path = Path(folder) / "capsule"
            async with ended_by(_watch(workspace, asker)):
                written = await workspace.services.export_capsule(db, path)
                size = await files.put(db, Shelf.exports, file_id, _pieces(path))
        if not await _may(workspace, asker) or not await exports.finish_file(run.id, file_id):
            raise JobCancelled  # noqa: TRY301 - as the watch raises it
    except JobCancelled:
        for one in await exports.files_of(run.id) or [file_id]:
            await files.remove(db, Shelf.exports, one)
        raise
    return {"bytes": size, "documents": written.documents}


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


async def _may(workspace: Workspace, asker: Actor) -> bool:
    """Tell whether who asked still may have it; raises what keeps a company from being entered."""
    await workspace.services.confirm(workspace.db)
    tenant_id = workspace.db.tenant.id
    return Permission.company_export in await workspace.services.permissions_now(asker, tenant_id)


async def _watch(workspace: Workspace, asker: Actor) -> None:
    """Look again and again; raises `JobCancelled`, or why it cannot be told for some seconds."""
    known_at = time.monotonic()
    while True:
        try:
            if not await _may(workspace, asker):
                raise JobCancelled
            known_at = time.monotonic()
        except PyMongoError:
            if time.monotonic() - known_at > _UNKNOWN_SECONDS:
                raise
        await asyncio.sleep(_LOOK_SECONDS)


def _remove_leftovers() -> None:
    """Remove what workers that were killed left in the temporary directory."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        try:
            age = time.time() - folder.stat().st_mtime
        except OSError:  # somebody else's, or gone
            continue
        if age > LONGEST.total_seconds():
            shutil.rmtree(folder, ignore_errors=True)
