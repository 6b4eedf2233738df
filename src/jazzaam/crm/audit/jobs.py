"""What the audit log does later with what was done in a company's own database."""

from bson import ObjectId

from jazzaam.control.audit.events import Audited
from jazzaam.control.audit.jobs import KEPT_TRYING
from jazzaam.control.audit.models import APPEND
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs.registry import job
from jazzaam.jobs.run import Run


@job(APPEND, atomic=False, retry=KEPT_TRYING)
async def append(workspace: Workspace, event: Audited, run: Run) -> None:
    """Append what was done to the chain of the company in whose database the job was found."""
    company_id = ObjectId(workspace.db.tenant.id)
    await workspace.services.trail.append(company_id, run.id, event, workspace.clock.now())
