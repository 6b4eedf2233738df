"""The rules of leads."""

from datetime import datetime
from typing import Any, Final

import bson
from bson import ObjectId

from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.billing.plans import LIMITS
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.leads.derived import IDENTIFYING, joined_name, require_somebody, with_full_name
from jazzaam.crm.leads.errors import LeadChanged, LeadNotFound
from jazzaam.crm.leads.events import LeadCreated, LeadDeleted, LeadStatusChanged, LeadUpdated
from jazzaam.crm.leads.listing import Listing
from jazzaam.crm.leads.models import LEADS, LeadStatus, Source
from jazzaam.crm.leads.repository import LeadRepository
from jazzaam.crm.leads.schemas import LeadCreate, LeadUpdate
from jazzaam.crm.records import ACTIVITIES, move_to_trash
from jazzaam.crm.workspace import Workspace
from jazzaam.errors import FieldError, InvalidInput
from jazzaam.tenancy.database import Document

_COLLECTION: Final = "leads"
_BYTES_FACTOR: Final = 2
"""What a lead takes with its indexes and first history, in times of its own size."""


def new_lead(known: dict[str, Any], at: datetime, lead_id: ObjectId | None = None) -> Document:
    """Make a lead's document from what is known of it, with what every lead has."""
    lead: Document = {
        "_id": lead_id or ObjectId(),
        "status": LeadStatus.new,
        "fullName": joined_name(known),
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

    Raises `Forbidden`, `LimitReached`, `InvalidInput` for a lead that is nobody or an assignee who may not
    have it, or `LeadExists` when this platform's profile is a lead already.
    """
    workspace.member.require(Permission.leads_write)
    named = data.model_dump(mode="json", by_alias=True, exclude_none=True)
    require_somebody(named)
    own = workspace.member.leads_of
    if own is not None and named.setdefault("assignedTo", str(own)) != str(own):
        raise _not_assignable("must be yourself, since you see your own leads only")
    if not await _may_be_assigned(workspace, named):
        raise _not_assignable("is not an active member of this company")
    now = workspace.clock.now()
    lead = new_lead({**_with_assignment(named, {}, now), "source": Source.manual}, now)

    async def work() -> ObjectId:
        await record_new_lead(workspace, lead)
        lead_id: ObjectId = lead["_id"]
        return lead_id

    async with workspace.reserving(use_of(lead)) as reservation:
        written = await workspace.change(work)
    if written != lead["_id"]:  # the request was sent before, and made that lead
        reservation.give_back()
    return await _read(workspace, written)


async def _may_be_assigned(workspace: Workspace, named: dict[str, Any]) -> bool:
    """Check that whoever is named as the assignee, if anybody is, is an active member of this company."""
    assignee = named.get("assignedTo")
    return assignee is None or await workspace.services.is_active_member(
        workspace.db.tenant.id, ObjectId(assignee)
    )


def _with_assignment(named: dict[str, Any], before: Document, at: datetime) -> dict[str, Any]:
    """Return what is named with the assignment as it is written; one that stays as it is is left out."""
    if "assignedTo" not in named:
        return named
    others = {name: value for name, value in named.items() if name != "assignedTo"}
    assignee = None if named["assignedTo"] is None else ObjectId(named["assignedTo"])
    if assignee == before.get("assignedTo"):
        return others
    return {**others, "assignedTo": assignee, "assignmentDate": None if assignee is None else at}


def _not_assignable(message: str) -> InvalidInput:
    return InvalidInput([FieldError("/assignedTo", "member", message)])


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

    Raises `Forbidden`, `LeadNotFound`, `InvalidInput` for an assignee who may not have it or a lead that
    would be nobody, or `LeadChanged` when its revision is not `if_revision`.
    """
    workspace.member.require(Permission.leads_write)
    named = data.model_dump(mode="json", by_alias=True, exclude_unset=True)
    may_be_assigned = await _may_be_assigned(workspace, named)
    now = workspace.clock.now()

    async def work() -> Document:
        repository = _visible(workspace)
        before = await repository.before_update(lead_id)
        if before is None:
            raise LeadNotFound
        if if_revision is not None and before.get("revision", 0) != if_revision:
            raise LeadChanged
        changes = with_full_name(_with_assignment(named, before, now), before)
        if "assignedTo" in changes and not may_be_assigned:
            raise _not_assignable("is not an active member of this company")
        if any(changes.get(name, "-") is None for name in IDENTIFYING):
            require_somebody({**before, **changes})
        new = {name: value for name, value in changes.items() if value is not None}
        removed = [name for name, value in changes.items() if value is None]
        moved = "status" in new and new["status"] != before.get("status")
        stamps = {"updatedAt": now, **({"statusChangedAt": now} if moved else {})}
        after = await repository.update(before, {**new, **stamps}, removed)
        if after is None:
            raise LeadChanged
        if moved:
            workspace.publish(LeadStatusChanged(lead_id, before=before.get("status"), after=new["status"]))
        changed = sorted(set(changes) - {"status", "assignmentDate"})
        if changed:
            workspace.publish(LeadUpdated(lead_id, changed=changed))
        return after

    return await workspace.change(work)


async def delete_lead(workspace: Workspace, lead_id: ObjectId, revision: int | None) -> None:
    """Move a lead and what hangs on it to the trash, where it is kept for 30 days.

    With `revision` only that one. Raises `Forbidden`, `LeadNotFound`, `LeadChanged`.
    """
    workspace.member.require(Permission.leads_delete)
    now, actor = workspace.clock.now(), workspace.member.actor

    async def work() -> None:
        repository = _visible(workspace)
        before = await repository.before_update(lead_id) if revision is not None else None
        if before is not None and before.get("revision", 0) != revision:
            raise LeadChanged
        if not await move_to_trash(workspace.db, LEADS, repository.only(lead_id), actor, now):
            raise LeadNotFound
        for spec in workspace.services.on_leads:
            if spec.lead_key is not None and spec is not ACTIVITIES:
                await move_to_trash(workspace.db, spec, {spec.lead_key: lead_id}, actor, now)
        workspace.publish(LeadDeleted(lead_id))
        workspace.audit(Action.delete, Resource.lead, lead_id)

    await workspace.change(work)
    workspace.services.limits.give_back(workspace.db.tenant, LIMITS["leads"])
