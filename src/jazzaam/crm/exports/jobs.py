"""What exports do later: they are written, and forgotten."""

from datetime import timedelta

from jazzaam.control.memberships.models import Actor, ActorKind
from jazzaam.crm.exports.events import ExportExpired, ExportRequested
from jazzaam.crm.exports.models import EXPORT_LASTS
from jazzaam.crm.exports.repository import ExportRepository
from jazzaam.crm.exports.writing import LONGEST, write_export
from jazzaam.crm.workspace import Workspace
from jazzaam.integrations.files import Shelf
from jazzaam.jobs.registry import job
from jazzaam.jobs.retry import RetryPolicy
from jazzaam.jobs.run import Run
from jazzaam.tenancy.database import Document


@job(
    "exports.write",
    atomic=False,
    retry=RetryPolicy(attempts=5, first=timedelta(seconds=5), longest=timedelta(minutes=5)),
    keep=EXPORT_LASTS + timedelta(days=1),
    longest=LONGEST,
)
async def write(workspace: Workspace, event: ExportRequested, run: Run) -> Document:
    """Write the company's capsule, for as long as who asked may have it."""
    return await write_export(workspace, run, Actor(ActorKind(event.by_kind), event.by_id))


@job("exports.forget", atomic=False)
async def forget(workspace: Workspace, event: ExportExpired) -> None:
    """Remove an export, and every file that was begun for it."""
    exports = ExportRepository(workspace.db)
    for file_id in await exports.files_of(event.export_id):
        await workspace.services.files.remove(workspace.db, Shelf.exports, file_id)
    await exports.remove(event.export_id)
