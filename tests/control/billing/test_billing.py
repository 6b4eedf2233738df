from datetime import UTC, datetime

from bson import ObjectId

from jazzaam.control.billing.models import BILLING_HISTORIES
from jazzaam.control.memberships.permissions import Role
from jazzaam.tenancy.database import CompanyScope

BILLS = "/api/v1/company/billing-history"


async def test_adopted_bills_are_shown_the_newest_first(client, acme, plane):
    rows = CompanyScope(plane.db, ObjectId(acme.id))[BILLING_HISTORIES]
    for month, amount in (("2026-01", 29), ("2026-02", 79)):
        at = datetime(2026, int(month[-2:]), 1, tzinfo=UTC)
        bill = {"susbscritionPlan": "growth", "status": "paid", "month": month, "amount": amount}
        await rows.insert({"_id": ObjectId(), "createdAt": at, **bill})
    await rows.insert({"_id": ObjectId()})  # the original's had defaults that it did not always write

    bills = (await client.get(BILLS, headers=acme.headers)).json()["items"]

    assert [bill["amount"] for bill in bills] == [0, 79, 29]
    assert bills[1]["subscriptionPlan"] == "growth"
    assert bills[1]["createdAt"] == "2026-02-01T00:00:00Z"


async def test_they_go_on_page_by_page(client, acme, globex, plane):
    rows = CompanyScope(plane.db, ObjectId(acme.id))[BILLING_HISTORIES]
    for amount in range(3):
        await rows.insert({"_id": ObjectId(), "amount": amount})
    first = (await client.get(BILLS, params={"limit": 2}, headers=acme.headers)).json()

    rest = await client.get(BILLS, params={"after": first["next"]}, headers=acme.headers)
    foreign = await client.get(BILLS, params={"after": first["next"]}, headers=globex.headers)

    assert [bill["amount"] for bill in rest.json()["items"]] == [0]
    assert foreign.status_code == 422


async def test_members_see_none(client, acme, join):
    _, headers = await join(acme, Role.member)

    assert (await client.get(BILLS, headers=headers)).status_code == 403
