"""The rules of a company's jobs."""

from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.jobs.errors import JobNotFound
from jazzaam.crm.jobs.schemas import JobStatus
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JobState
from jazzaam.tenancy.database import Document

_STATUS: Final = {
    JobState.queued: JobStatus.queued,
    JobState.running: JobStatus.running,
    JobState.done: JobStatus.done,
    JobState.dead: JobStatus.failed,
    JobState.cancelled: JobStatus.cancelled,
}


async def get_job(workspace: Workspace, job_id: ObjectId) -> Document:
    """Tell what a job has come to; raises `Forbidden`, `JobNotFound`."""
    workspace.member.require(Permission.company_read)
    row = await outbox.show(workspace.db, job_id)
    if row is None:
        raise JobNotFound
    told = {name: row.get(name) for name in ("name", "done", "total", "result", "createdAt", "endedAt")}
    return {
        "_id": job_id,
        **told,
        "status": _STATUS[JobState(row["state"])],
        "error": row.get("lastError"),
    }
