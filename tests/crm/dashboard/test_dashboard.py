from bson import ObjectId

from jazzaam.crm.follow_ups.models import FOLLOW_UPS
from jazzaam.crm.leads.models import LEADS

DASHBOARD = "/api/v1/company/dashboard"
KINDS = [
    {"status": "new"},
    {"status": "hot"},
    {"status": "qualified", "emailStatus": {"followUpSent": True}},
    {"status": "cold", "bant": {"totalScore": 60}},
    {"status": "cold", "bant": {"totalScore": 59, "category": "warm"}},
    {"status": "cold", "bant": {"totalScore": 59, "category": "cold"}},
    {"status": "win"},
    {"status": "lost"},
    {"status": "lost", "conversionData": {"converted": True}},
    {"status": "from elsewhere", "bant": {"totalScore": "90"}},
]


async def add(client, company, known):
    lead = (await client.post("/api/v1/leads", json={"fullName": "L"}, headers=company.headers)).json()
    await company.db[LEADS].update_one({"_id": ObjectId(lead["id"])}, {"$set": known})
    return ObjectId(lead["id"])


async def test_each_number_is_what_it_is_called(client, acme):
    """Nobody was ever converted, and the share of qualified leads was called a close rate."""
    for known in KINDS:
        lead_id = await add(client, acme, known)
    for status in ("submitted", "submitted", "pending"):
        await acme.db[FOLLOW_UPS].insert({"_id": ObjectId(), "leadId": lead_id, "status": status})

    numbers = (await client.get(DASHBOARD, headers=acme.headers)).json()

    by_status = {"new": 1, "hot": 1, "qualified": 1, "cold": 3, "win": 1, "lost": 2, "from elsewhere": 1}
    assert numbers == {
        "totalLeads": 10,
        "byStatus": by_status,
        "hotLeads": 1,
        "warmLeads": 0,
        "coldLeads": 3,
        "qualifiedLeads": 4,
        "followUpsSent": 3,
        "convertedLeads": 2,
        "qualifiedRate": 40.0,
        "closeRate": 50.0,
    }


async def test_of_nothing_all_is_zero(client, acme):
    numbers = (await client.get(DASHBOARD, headers=acme.headers)).json()

    assert (numbers["totalLeads"], numbers["closeRate"], numbers["qualifiedRate"]) == (0, 0.0, 0.0)
    assert numbers["byStatus"] == {}


async def test_who_sees_only_their_leads_counts_only_those(client, acme, join):
    _, headers = await join(acme)
    await client.patch("/api/v1/company/settings", json={"leadVisibility": "own"}, headers=acme.headers)
    mine = (await client.post("/api/v1/leads", json={"fullName": "Mine"}, headers=headers)).json()
    other = await add(client, acme, {"status": "hot"})
    for lead_id in (ObjectId(mine["id"]), other):
        await acme.db[FOLLOW_UPS].insert({"_id": ObjectId(), "leadId": lead_id, "status": "submitted"})

    theirs = (await client.get(DASHBOARD, headers=headers)).json()
    alls = (await client.get(DASHBOARD, headers=acme.headers)).json()

    assert (theirs["totalLeads"], theirs["followUpsSent"]) == (1, 1)
    assert (alls["totalLeads"], alls["followUpsSent"]) == (2, 2)
