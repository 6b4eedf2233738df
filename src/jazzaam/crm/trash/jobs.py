"""What the trash does by itself: forget."""

from datetime import timedelta

from jazzaam.crm.records import forget_trash
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs.registry import Fired, job
from jazzaam.jobs.run import Run
from jazzaam.jobs.schedule import Beat, Cron


@job("trash.empty", atomic=False, cron=Cron("0 1 * * *", Beat.fleet, spread=timedelta(hours=4)))
async def empty_trash(workspace: Workspace, _fired: Fired, run: Run) -> int:
    """Forget what was deleted more than 30 days ago; gives how many documents there were."""
    forgotten = 0
    while count := await forget_trash(workspace.db, workspace.clock.now()):
        forgotten += count
        await run.checkpoint(forgotten)
    return forgotten
