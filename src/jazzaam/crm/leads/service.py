"""The rules of leads."""

from datetime import datetime
from typing import Any, Final

import bson
from bson import ObjectId

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.billing.plans import LIMITS
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.leads.errors import LeadChanged, LeadNotFound
from jazzaam.crm.leads.events import LeadCreated, LeadDeleted, LeadStatusChanged, LeadUpdated
from jazzaam.crm.leads.listing import Listing
from jazzaam.crm.leads.models import LEADS, LeadStatus, Source
from jazzaam.crm.leads.repository import LeadRepository
from jazzaam.crm.leads.schemas import LeadCreate, LeadUpdate
from jazzaam.crm.records import ACTIVITIES, move_to_trash
from jazzaam.crm.workspace import Workspace
from jazzaam.tenancy.database import Document

_COLLECTION: Final = "leads"
_BYTES_FACTOR: Final = 2
"""What a lead takes with its indexes and first history, in times of its own size."""


def new_lead(known: dict[str, Any], at: datetime, lead_id: ObjectId | None = None) -> Document:
    """Make a lead's document from what is known of it, with what every lead has."""
    names = (known.get("firstName"), known.get("lastName"))
    lead: Document = {
        "_id": lead_id or ObjectId(),
        "status": LeadStatus.new,
        "fullName": known.get("fullName") or " ".join(name for name in names if name),
        "leadScore": 0,
        **{name: value for name, value in known.items() if value is not None},
        "statusChangedAt": at,
        "createdAt": at,
        "updatedAt": at,
    }
    return lead


def _visible(workspace: Workspace) -> LeadRepository:
    """Give the leads that who is at work may see: all, or those assigned to them."""
    return LeadRepository(workspace.db, of=workspace.member.leads_of)


async def list_leads(
    workspace: Workspace, listing: Listing, cursor: str | None, *, full: bool, total: bool
) -> dict[str, Any]:
    """Read a page of leads: `items`, `next`, and `total` when it is asked for.

    Raises `Forbidden`, or `InvalidInput` for a cursor of another list or another company.
    """
    workspace.member.require(Permission.leads_read)
    cursors = workspace.services.cursors
    bound = str(workspace.member.leads_of or "")
    scope = [workspace.db.tenant.id, _COLLECTION, bound, *listing.identity]
    position = cursors.read(scope, cursor)
    repository = _visible(workspace)
    items, last = await repository.page(listing, position, full=full)
    page: dict[str, Any] = {"items": items, "next": cursors.write(scope, last)}
    if total:
        page["total"] = await repository.count(listing)
    return page


async def get_lead(workspace: Workspace, lead_id: ObjectId) -> Document:
    """Read a lead; raises `Forbidden` or `LeadNotFound`."""
    workspace.member.require(Permission.leads_read)
    return await _read(workspace, lead_id)


async def _read(workspace: Workspace, lead_id: ObjectId) -> Document:
    lead = await _visible(workspace).get(lead_id)
    if lead is None:
        raise LeadNotFound
    return lead


async def create_lead(workspace: Workspace, data: LeadCreate) -> Document:
    """Add a lead by hand; who sees only their own leads has it assigned to them.

    Raises `Forbidden`, `LimitReached`, or `LeadExists` when this platform's profile is a lead already.
    """
    workspace.member.require(Permission.leads_write)
    known = data.model_dump(mode="json", by_alias=True, exclude_none=True)
    theirs = {"assignedTo": workspace.member.account_id} if workspace.member.own_leads_only else {}
    lead = new_lead({**known, "source": Source.manual, **theirs}, workspace.clock.now())

    async def work() -> ObjectId:
        await record_new_lead(workspace, lead)
        lead_id: ObjectId = lead["_id"]
        return lead_id

    async with workspace.reserving(use_of(lead)) as reservation:
        written = await workspace.change(work)
    if written != lead["_id"]:  # the request was sent before, and made that lead
        reservation.give_back()
    return await _read(workspace, written)


def use_of(lead: Document) -> dict[str, int]:
    """Say what a new lead uses of its company's limits; its bytes are counted exactly at night."""
    return {"leads": 1, "storedBytes": _BYTES_FACTOR * len(bson.encode(lead))}


async def record_new_lead(workspace: Workspace, lead: Document) -> None:
    """Write a new lead in the running change, and tell of it; raises `LeadExists`."""
    await record_new_leads(workspace, [lead])


async def record_new_leads(workspace: Workspace, made: list[Document]) -> None:
    """Write several new leads in the running change; raises `LeadExists`."""
    await LeadRepository(workspace.db).add_all(made)
    for lead in made:
        workspace.publish(LeadCreated(lead_id=lead["_id"], source=lead["source"]))


async def find_profile(workspace: Workspace, platform: str, platform_url: str) -> ObjectId | None:
    """Find the lead of a profile, for the rules that capture leads."""
    return await LeadRepository(workspace.db).find_profile(platform, platform_url)


async def note_submission(workspace: Workspace, lead_id: ObjectId) -> None:
    """Note in the running change that a lead's person wrote again; raises `LeadNotFound`.

    The lead is written, so that deleting it at the same moment and this cannot both go through.
    """
    if not await LeadRepository(workspace.db).note_submission(lead_id, workspace.clock.now()):
        raise LeadNotFound


async def update_lead(
    workspace: Workspace, lead_id: ObjectId, data: LeadUpdate, if_revision: int | None
) -> Document:
    """Change the fields that are named; a move to another status is recorded as one.

    Raises `Forbidden`, `LeadNotFound`, or `LeadChanged` when its revision is not `if_revision`.
    """
    workspace.member.require(Permission.leads_write)
    named = data.model_dump(mode="json", by_alias=True, exclude_unset=True)
    new = {name: value for name, value in named.items() if value is not None}
    removed = [name for name, value in named.items() if value is None]
    now = workspace.clock.now()

    async def work() -> Document:
        repository = _visible(workspace)
        before = await repository.before_update(lead_id)
        if before is None:
            raise LeadNotFound
        if if_revision is not None and before.get("revision", 0) != if_revision:
            raise LeadChanged
        moved = "status" in new and new["status"] != before.get("status")
        stamps = {"updatedAt": now, **({"statusChangedAt": now} if moved else {})}
        after = await repository.update(before, {**new, **stamps}, removed)
        if after is None:
            raise LeadChanged
        if moved:
            workspace.publish(LeadStatusChanged(lead_id, before=before.get("status"), after=new["status"]))
        changed = sorted(set(named) - {"status"})
        if changed:
            workspace.publish(LeadUpdated(lead_id, changed=changed))
        return after

    return await workspace.change(work)


async def delete_lead(workspace: Workspace, lead_id: ObjectId) -> None:
    """Move a lead and what hangs on it to the trash, where it is kept for 30 days.

    Raises `Forbidden` or `LeadNotFound`.
    """
    workspace.member.require(Permission.leads_delete)
    now, actor = workspace.clock.now(), workspace.member.actor

    async def work() -> None:
        if not await move_to_trash(workspace.db, LEADS, _visible(workspace).only(lead_id), actor, now):
            raise LeadNotFound
        for spec in workspace.services.on_leads:
            if spec.lead_key is not None and spec is not ACTIVITIES:
                await move_to_trash(workspace.db, spec, {spec.lead_key: lead_id}, actor, now)
        workspace.publish(LeadDeleted(lead_id))
        workspace.audit(Action.delete, Resource.lead, lead_id)

    await workspace.change(work)
    workspace.services.limits.give_back(workspace.db.tenant, LIMITS["leads"])
