"""Writing an export: to a file of this machine first, then to where files are kept."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.models import Actor
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.workspace import Workspace
from jazzaam.integrations.files import Shelf
from jazzaam.jobs.run import JobCancelled
from jazzaam.tasks import ended_by
from jazzaam.tenancy.database import Document

_LOOK_SECONDS: Final = 0.5
"""How often it is asked whether who wanted an export may still have it."""
_PIECE: Final = 2**20


async def write_export(workspace: Workspace, export_id: ObjectId, asker: Actor) -> Document:
    """Write a company's capsule among its files, whole or not at all; gives its numbers.

    Raises `JobCancelled` within a second of when who asked may not have it any more.
    """
    files, db = workspace.services.files, workspace.db
    with tempfile.TemporaryDirectory(prefix="jazzaam-export-") as folder:
        path = Path(folder) / "capsule"
        async with ended_by(_watch(workspace, asker)):
            written = await workspace.services.export_capsule(db, path)
            size = await files.put(db, Shelf.exports, export_id, _pieces(path))
    if not await _may(workspace, asker):
        await files.remove(db, Shelf.exports, export_id)
        raise JobCancelled
    return {"bytes": size, "documents": written.documents}


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


async def _may(workspace: Workspace, asker: Actor) -> bool:
    tenant_id = workspace.db.tenant.id
    return Permission.leads_export in await workspace.services.permissions_now(asker, tenant_id)


async def _watch(workspace: Workspace, asker: Actor) -> None:
    """Look again and again; raises `JobCancelled`, or why it cannot be told."""
    while True:
        if not await _may(workspace, asker):
            raise JobCancelled
        await asyncio.sleep(_LOOK_SECONDS)
