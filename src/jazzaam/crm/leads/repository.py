"""Every query on leads."""

from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.crm.leads.derived import IDENTIFYING
from jazzaam.crm.leads.errors import LeadExists
from jazzaam.crm.leads.facets import SINGLE, facets_of
from jazzaam.crm.leads.listing import Listing
from jazzaam.crm.leads.models import LEADS
from jazzaam.crm.leads.schemas import LeadDetail, LeadSummary
from jazzaam.crm.projections import projection_of
from jazzaam.pagination import Position
from jazzaam.tenancy.database import Document, TenantDatabase

SUMMARY: Final = projection_of(LeadSummary)
DETAIL: Final = projection_of(LeadDetail)
_BEFORE_UPDATE: Final[dict[str, int]] = dict.fromkeys((*SINGLE, *IDENTIFYING, "tags", "revision"), 1)


class LeadRepository:
    """Leads of one tenant; it alone keeps their facets and revisions.

    With `of` it knows none but those assigned to that account: every query that finds leads says so.
    """

    def __init__(self, db: TenantDatabase, *, of: ObjectId | None = None) -> None:
        self._leads = db[LEADS]
        self._of = of

    def only(self, lead_id: ObjectId) -> Document:
        """Give the filter of one lead."""
        return {"_id": lead_id} if self._of is None else {"_id": lead_id, "assignedTo": self._of}

    async def add_all(self, leads: list[Document]) -> None:
        """Write new leads; raises `LeadExists` for the first whose profile is taken."""
        rows = [{**lead, "facets": facets_of(lead), "revision": 1} for lead in leads]
        try:
            if len(rows) == 1:
                await self._leads.insert(rows[0])
            else:
                await self._leads.insert_all(rows)
        except DuplicateKeyError:
            raise LeadExists from None

    async def page(
        self, listing: Listing, position: Position | None, *, full: bool
    ) -> tuple[list[Document], Position | None]:
        """Read a page, and where the next one begins."""
        listing = self._bounded(listing)
        found = self._leads.find(
            listing.after(position),
            DETAIL if full else SUMMARY,
            sort=listing.order,
            limit=listing.limit + 1,
            batch_size=listing.limit + 2,
        )
        leads = await found.to_list()
        if len(leads) <= listing.limit:
            return leads, None
        leads.pop()
        return leads, Position(leads[-1].get(listing.field), leads[-1]["_id"])

    async def count(self, listing: Listing) -> int:
        """Count the leads of a whole list."""
        return await self._leads.count(self._bounded(listing).matching())

    async def get(self, lead_id: ObjectId) -> Document | None:
        """Read one lead."""
        return await self._leads.find_one(self.only(lead_id), DETAIL)

    async def find_profile(self, platform: str, platform_url: str) -> ObjectId | None:
        """Find the lead of a profile."""
        row = await self._leads.find_one({"platform": platform, "platformUrl": platform_url}, {"_id": 1})
        return row["_id"] if row else None

    async def note_submission(self, lead_id: ObjectId, at: datetime) -> bool:
        """Keep when a lead's person last wrote; False when there is no such lead."""
        return await self._leads.update_one({"_id": lead_id}, {"$set": {"lastSubmissionAt": at}})

    async def before_update(self, lead_id: ObjectId) -> Document | None:
        """Read what an update needs to know: what something is derived from, and the revision."""
        return await self._leads.find_one(self.only(lead_id), _BEFORE_UPDATE)

    async def update(self, before: Document, new: Document, removed: list[str]) -> Document | None:
        """Change fields, and keep facets and revision; None when it changed since `before`."""
        after: dict[str, Any] = {**before, **new}
        for name in removed:
            after.pop(name, None)
        revision = before.get("revision")
        update: dict[str, Any] = {
            "$set": {**new, "facets": facets_of(after), "revision": (revision or 0) + 1}
        }
        if removed:
            update["$unset"] = dict.fromkeys(removed, "")
        return await self._leads.find_one_and_update(
            {**self.only(before["_id"]), "revision": revision}, update, DETAIL
        )

    def _bounded(self, listing: Listing) -> Listing:
        """Bound a list by the facet that its indexes know."""
        return listing if self._of is None else listing.assigned_to(self._of)
