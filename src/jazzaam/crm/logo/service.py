"""The rules of a company's logo."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Final

from bson import ObjectId

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.logo import jobs
from jazzaam.crm.logo.errors import LogoNotFound, PictureRefused
from jazzaam.crm.logo.events import LogoReplaced
from jazzaam.crm.logo.picture import LONGEST_SIDE, NotAPicture, Picture, drawn_anew
from jazzaam.crm.logo.repository import LogoRepository
from jazzaam.crm.logo.schemas import Logo
from jazzaam.crm.workspace import Workspace
from jazzaam.errors import FieldError
from jazzaam.integrations.files import FileMissing, Shelf
from jazzaam.signing import BadSignature, Keyring

_PURPOSE: Final = "logo"
_UNLESS_USED: Final = timedelta(minutes=10)
"""When a file that was to be a logo is removed, unless it is one then."""


async def put_logo(workspace: Workspace, sent: bytes) -> Logo:
    """Have a picture be the logo, drawn anew; raises `Forbidden`, `PictureRefused`."""
    workspace.member.require(Permission.company_write)
    picture = await _drawn(workspace, sent)
    file_id, now = ObjectId(), workspace.clock.now()

    async def expect_nothing() -> None:
        workspace.enqueue(jobs.remove_file, LogoReplaced(file_id), due_at=now + _UNLESS_USED)

    await workspace.change(expect_nothing)  # whatever happens now, a file that is no logo goes
    await workspace.services.files.put(workspace.db, Shelf.files, file_id, _once(picture.png))

    async def work() -> None:
        logos = LogoRepository(workspace.db)
        before = await logos.get()
        await logos.put(file_id, picture.width, picture.height, now)
        if before is not None:
            workspace.enqueue(jobs.remove_file, LogoReplaced(before["fileId"]))
        workspace.audit(Action.update, Resource.logo, workspace.db.tenant.id)

    await workspace.change(work)
    return _shown(workspace, file_id, picture.width, picture.height)


async def get_logo(workspace: Workspace) -> Logo:
    """Say where the logo is; raises `Forbidden`, `LogoNotFound`."""
    workspace.member.require(Permission.company_read)
    logo = await LogoRepository(workspace.db).get()
    if logo is None:
        raise LogoNotFound
    return _shown(workspace, logo["fileId"], logo["width"], logo["height"])


async def remove_logo(workspace: Workspace) -> None:
    """Have no logo; raises `Forbidden`, `LogoNotFound`."""
    workspace.member.require(Permission.company_write)

    async def work() -> None:
        logos = LogoRepository(workspace.db)
        before = await logos.get()
        if before is None:
            raise LogoNotFound
        await logos.remove()
        workspace.enqueue(jobs.remove_file, LogoReplaced(before["fileId"]))
        workspace.audit(Action.delete, Resource.logo, workspace.db.tenant.id)

    await workspace.change(work)


async def _drawn(workspace: Workspace, sent: bytes) -> Picture:
    try:
        return await asyncio.get_running_loop().run_in_executor(
            workspace.services.drawing, drawn_anew, sent
        )
    except NotAPicture:
        what = f"is no PNG, JPEG or WebP picture of a usable size; it is shown at {LONGEST_SIDE} pixels"
        raise PictureRefused([FieldError("", "picture", what)]) from None


def _shown(workspace: Workspace, file_id: ObjectId, width: int, height: int) -> Logo:
    services = workspace.services
    link = services.keyring.seal(_PURPOSE, {"t": workspace.db.tenant.id, "f": file_id})
    return Logo(url=f"{services.forms_url}/i/{link}", width=width, height=height)


def tenant_of_link(keyring: Keyring, link: str) -> tuple[str, ObjectId] | None:
    """Read whose logo a link names, and which file; None for a link that we did not sign."""
    try:
        said = keyring.unseal(_PURPOSE, link)
    except BadSignature:
        return None
    return said["t"], said["f"]


async def read_picture(workspace: Workspace, file_id: ObjectId) -> bytes:
    """Read the logo, if that file is it; raises `LogoNotFound`."""
    logo = await LogoRepository(workspace.db).get()
    if logo is None or logo["fileId"] != file_id:
        raise LogoNotFound
    try:
        content = workspace.services.files.read(workspace.db, Shelf.files, file_id)
        pieces = [piece async for piece in content]
    except FileMissing:
        raise LogoNotFound from None
    return b"".join(pieces)


async def _once(content: bytes) -> AsyncGenerator[bytes]:
    yield content
