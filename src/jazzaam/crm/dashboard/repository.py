"""The dashboard's queries, over leads and what was sent to them."""

from typing import Any, Final

from bson import ObjectId

from jazzaam.crm.follow_ups.models import FOLLOW_UPS
from jazzaam.crm.leads.facets import facet
from jazzaam.crm.leads.models import LEADS, LeadStatus
from jazzaam.tenancy.database import Document, TenantDatabase

_QUALIFIED_SCORE: Final = 60
_QUALIFIED: Final[Document] = {
    "$or": [
        {"$in": ["$status", ["qualified", "hot"]]},
        {
            "$and": [
                {"$isNumber": "$bant.totalScore"},
                {"$gte": ["$bant.totalScore", _QUALIFIED_SCORE]},
            ]
        },
        {"$in": ["$bant.category", ["hot", "warm"]]},
    ]
}
"""What the original takes for qualified: by status, by BANT score, or by its category."""
_CONVERTED: Final[Document] = {
    "$or": [{"$eq": ["$status", LeadStatus.win]}, {"$eq": ["$conversionData.converted", True]}]
}
"""Who became a customer: the original meant to mark them so, and nobody's status could hold it (C-63)."""


def _count_if(condition: Any) -> Document:
    return {"$sum": {"$cond": [condition, 1, 0]}}


class DashboardRepository:
    """Numbers of one tenant; with `of`, of the leads that are assigned to that account alone."""

    def __init__(self, db: TenantDatabase, *, of: ObjectId | None = None) -> None:
        self._leads = db[LEADS]
        self._follow_ups = db[FOLLOW_UPS]
        self._of = of

    async def leads_by_status(self) -> list[Document]:
        """Count leads by status, and among them who is qualified, was written to, and was won."""
        own: list[Document] = (
            [] if self._of is None else [{"$match": {"facets": facet("assignedTo", self._of)}}]
        )
        counted = {
            "_id": "$status",
            "count": {"$sum": 1},
            "qualified": _count_if(_QUALIFIED),
            "written": _count_if({"$eq": ["$emailStatus.followUpSent", True]}),
            "converted": _count_if(_CONVERTED),
        }
        return await (await self._leads.aggregate([*own, {"$group": counted}])).to_list()

    async def follow_ups_sent(self) -> int:
        """Count the follow-ups that were sent."""
        sent: list[Document] = [{"$match": {"status": "submitted"}}]
        if self._of is not None:
            theirs = [{"$match": {"assignedTo": self._of}}, {"$project": {"_id": 1}}]
            sent += [
                {
                    "$lookup": {
                        "from": LEADS.name,
                        "localField": "leadId",
                        "foreignField": "_id",
                        "pipeline": theirs,
                        "as": "lead",
                    }
                },
                {"$match": {"lead.0": {"$exists": True}}},
            ]
        rows = await (await self._follow_ups.aggregate([*sent, {"$count": "sent"}])).to_list()
        return rows[0]["sent"] if rows else 0
