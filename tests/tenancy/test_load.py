"""Full load, and writers of the very rows that every request depends on: no request is refused for it."""

from __future__ import annotations

import asyncio

import pytest
from bson import ObjectId

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.models import MEMBERSHIPS


@pytest.mark.parametrize(("many", "seconds"), [(50, 4), pytest.param(50, 30, marks=pytest.mark.slow)])
async def test_fifty_companies_at_full_load_beside_writers_of_their_rows(
    client, make_company, plane, many, seconds
):
    """Three writers of a company's row gave its colleagues a 503 for every fiftieth request."""
    companies = [await make_company(f"C{number}") for number in range(many)]
    answers: dict[int, int] = {}
    stop = asyncio.Event()

    async def read(company):
        while not stop.is_set():
            for path in ("/api/v1/leads", "/api/v1/me", "/api/v1/company"):
                status = (await client.get(path, headers=company.headers)).status_code
                answers[status] = answers.get(status, 0) + 1
                await asyncio.sleep(0)

    async def write(company):
        rows = plane.db.unscoped(COMPANIES, "a test"), plane.db.unscoped(MEMBERSHIPS, "a test")
        while not stop.is_set():
            for collection, key in zip(rows, ("_id", "companyId"), strict=True):
                await collection.update_one({key: ObjectId(company.id)}, {"$inc": {"touched": 1}})

    async with asyncio.TaskGroup() as group:
        for number, company in enumerate(companies):
            group.create_task(read(company))
            if number < 10:
                group.create_task(write(company))
        await asyncio.sleep(seconds)
        stop.set()

    assert set(answers) == {200}, answers
    assert answers[200] > 10 * many
