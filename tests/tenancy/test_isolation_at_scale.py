"""Fifty tenants at once: nothing lands in, or is read from, the wrong database."""

import asyncio

from bson import ObjectId

from jazzaam.crm.leads.models import LEADS

TENANTS, LEADS_EACH = 50, 8


async def test_fifty_tenants_at_once_create_and_list_leads(client, make_company, application):
    companies = [await make_company(f"C{number}") for number in range(TENANTS)]

    async def work(number, company):
        seen = []
        for count in range(LEADS_EACH):
            body = {"fullName": f"{number}/{count}", "company": company.id}
            made = await client.post("/api/v1/leads", json=body, headers=company.headers)
            assert made.status_code == 201
            page = await client.get("/api/v1/leads?limit=100", headers=company.headers)
            seen += [lead["company"] for lead in page.json()["items"]]
        return seen

    results = await asyncio.gather(*(work(number, company) for number, company in enumerate(companies)))

    for company, seen in zip(companies, results, strict=True):
        assert set(seen) == {company.id}
    main = application.deployment.clusters.client("main")
    for number, company in enumerate(companies):
        stored = [lead async for lead in main[company.db.tenant.database]["leads"].find()]
        assert sorted(lead["fullName"] for lead in stored) == sorted(
            f"{number}/{count}" for count in range(LEADS_EACH)
        )


async def test_handles_opened_at_once_stay_with_their_tenants(acme, globex, application):
    """What the ORMs with an ambient tenant fail: 2,000 interleaved writes through passed handles."""
    tenancy = application.deployment.tenancy

    async def write(company, number):
        db = await tenancy.open(company.id)
        await asyncio.sleep(0)
        await db[LEADS].insert(
            {
                "_id": ObjectId(),
                "platform": "other",
                "status": "new",
                "createdAt": db.tenant.created_at,
                "owner": company.id,
                "n": number,
            }
        )

    limit = asyncio.Semaphore(50)

    async def limited(company, number):
        async with limit:
            await write(company, number)

    await asyncio.gather(*(limited((acme, globex)[number % 2], number) for number in range(2000)))

    for company in (acme, globex):
        assert await company.db[LEADS].count({}) == 1000
        assert await company.db[LEADS].count({"owner": company.id}) == 1000
