"""The rules of the waiting list."""

import contextlib

from bson import ObjectId

from jazzaam.control.accounts.models import Principal
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.plane import ControlPlane
from jazzaam.control.waitlist.errors import WaitlistEntryNotFound, WaitsAlready
from jazzaam.control.waitlist.events import WaitlistJoined
from jazzaam.control.waitlist.models import NewEntry, WaitlistStatus
from jazzaam.control.waitlist.repository import WaitlistRepository
from jazzaam.tenancy.database import Document


async def join(plane: ControlPlane, new: NewEntry) -> None:
    """Have somebody wait: the same steps for who waits already, so that nobody learns of it."""

    async def work() -> None:
        await WaitlistRepository(plane.db).join(new, plane.clock.now())
        plane.publish(WaitlistJoined(new.email))

    with contextlib.suppress(WaitsAlready):
        await plane.change(work)


async def list_entries(
    plane: ControlPlane, status: WaitlistStatus | None, limit: int, cursor: str | None
) -> tuple[list[Document], str | None]:
    """Read a page of who waits, the newest first; raises `InvalidInput` for a strange cursor."""
    cursors, scope = plane.services.cursors, ["", "waitlists", status or ""]
    position = cursors.read(scope, cursor)
    rows, last = await WaitlistRepository(plane.db).page(status, limit, position)
    return rows, cursors.write(scope, last)


async def stats(plane: ControlPlane) -> dict[str, int]:
    """Count who waits."""
    counts = await WaitlistRepository(plane.db).counts()
    return {"total": sum(counts.values()), **{one: counts.get(one, 0) for one in WaitlistStatus}}


async def set_status(
    plane: ControlPlane, admin: Principal, entry_id: ObjectId, status: WaitlistStatus
) -> Document:
    """Say how far somebody is; raises `WaitlistEntryNotFound`."""

    async def work() -> Document:
        row = await WaitlistRepository(plane.db).set_status(entry_id, status, plane.clock.now())
        if row is None:
            raise WaitlistEntryNotFound
        values = {"status": str(status)}
        plane.audit(Action.update, Resource.waitlist, entry_id, by=admin.actor, values=values)
        return row

    return await plane.change(work)


async def take_off(plane: ControlPlane, admin: Principal, entry_id: ObjectId) -> None:
    """Take somebody off the list; raises `WaitlistEntryNotFound`."""

    async def work() -> None:
        if not await WaitlistRepository(plane.db).take_off(entry_id, plane.clock.now()):
            raise WaitlistEntryNotFound
        plane.audit(Action.delete, Resource.waitlist, entry_id, by=admin.actor)

    await plane.change(work)
