"""The rules of a company's logo."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bson import ObjectId

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.permissions import Permission
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
_DRAWING: Final = ThreadPoolExecutor(1, "drawing")
"""One picture at a time: each may take some hundred megabytes."""


async def put_logo(workspace: Workspace, sent: bytes) -> Logo:
    """Have a picture be the logo, drawn anew; raises `Forbidden`, `PictureRefused`."""
    workspace.member.require(Permission.company_write)
    picture = await _drawn(sent)
    files, file_id = workspace.services.files, ObjectId()
    await files.put(workspace.db, Shelf.files, file_id, _once(picture.png))

    async def work() -> None:
        logos = LogoRepository(workspace.db)
        before = await logos.get()
        await logos.put(file_id, picture.width, picture.height, workspace.clock.now())
        if before is not None:
            workspace.publish(LogoReplaced(before["fileId"]))
        workspace.audit(Action.update, Resource.logo, workspace.db.tenant.id)

    try:
        await workspace.change(work)
    except Exception:
        await files.remove(workspace.db, Shelf.files, file_id)
        raise
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
        workspace.publish(LogoReplaced(before["fileId"]))
        workspace.audit(Action.delete, Resource.logo, workspace.db.tenant.id)

    await workspace.change(work)


async def _drawn(sent: bytes) -> Picture:
    try:
        return await asyncio.get_running_loop().run_in_executor(_DRAWING, drawn_anew, sent)
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
