"""What a logo does later: the file that it was is removed."""

from jazzaam.crm.logo.events import LogoReplaced
from jazzaam.crm.workspace import Workspace
from jazzaam.integrations.files import Shelf
from jazzaam.jobs.registry import job


@job("logo.remove_file", atomic=False)
async def remove_file(workspace: Workspace, event: LogoReplaced) -> None:
    """Remove the file of a logo that was replaced."""
    await workspace.services.files.remove(workspace.db, Shelf.files, event.file_id)
