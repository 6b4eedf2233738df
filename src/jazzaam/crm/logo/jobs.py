"""What a logo does later: the file that it was is removed."""

from jazzaam.crm.logo.events import LogoReplaced
from jazzaam.crm.logo.repository import LogoRepository
from jazzaam.crm.workspace import Workspace
from jazzaam.integrations.files import Shelf
from jazzaam.jobs.registry import job


@job("logo.remove_file", atomic=False)
async def remove_file(workspace: Workspace, event: LogoReplaced) -> None:
    """Remove a file that was the logo, or was to be; the logo's own stays."""
    logo = await LogoRepository(workspace.db).get()
    if logo is not None and logo["fileId"] == event.file_id:
        return
    await workspace.services.files.remove(workspace.db, Shelf.files, event.file_id)
