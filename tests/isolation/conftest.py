"""What Acme has, for every test that another company tries to reach it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from bson import ObjectId
from tests.isolation.cases import PIXEL

from jazzaam.control.billing.models import BILLING_HISTORIES
from jazzaam.control.crm_connections.models import CRM_INTEGRATIONS
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.crm.exports.models import EXPORTS
from jazzaam.crm.logo import service as logo
from jazzaam.integrations.files import Shelf
from jazzaam.jobs.models import JOBS
from jazzaam.tenancy.database import CompanyScope

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def once(content):
    yield content


@pytest.fixture
async def things(client, acme, globex, make_company, plane, run_jobs):
    """One of each thing of Acme's, by the name of its kind."""
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    await client.post(
        f"/api/v1/public/forms/{form['accessToken']}/submissions",
        json={"linkedinUrl": "https://www.linkedin.com/in/acmes-own"},
    )
    await run_jobs(acme)
    lead = (await client.get("/api/v1/leads", headers=acme.headers)).json()["items"][0]
    told = (await client.get("/api/v1/notifications", headers=acme.headers)).json()["items"][0]
    job = await acme.db[JOBS].find_one({}, {"_id": 1})
    invited = await client.post(
        "/api/v1/invitations",
        json={"email": f"{ObjectId()}@example.com", "role": "member"},
        headers=acme.headers,
    )
    key = await client.post(
        "/api/v1/api-keys", json={"name": "CI", "scopes": ["leads:read"]}, headers=acme.headers
    )
    grant = await client.post(
        "/api/v1/company/support-grants", json={"reason": "A lead is missing"}, headers=acme.headers
    )
    person = await make_company("Member", account_type="user")
    team = MembershipRepository(plane.db, ObjectId(acme.id))
    await team.add(ObjectId(person.id), Role.member, plane.clock.now())
    company = CompanyScope(plane.db, ObjectId(acme.id))
    bill = {"_id": ObjectId(), "susbscritionPlan": "pro", "status": "paid", "amount": 199}
    await company[BILLING_HISTORIES].insert(bill)
    connection = {"_id": ObjectId(), "provider": "zoho", "status": "active", "tokens": {"accessToken": "t"}}
    await company[CRM_INTEGRATIONS].insert(connection)
    export = ObjectId()
    file = ObjectId()
    row = {"requestedBy": {"kind": "account", "id": acme.id}, "createdAt": AT, "expiresAt": AT}
    row |= {"fileId": file, "files": [file]}
    await acme.db[EXPORTS].insert({"_id": export, **row})
    ended = {"name": "exports.write", "args": {}, "state": "done", "dueAt": AT, "attempt": 1}
    await acme.db[JOBS].insert({"_id": export, **ended})
    files = acme.workspace.services.files
    await files.put(acme.db, Shelf.exports, file, once(b"a capsule"))
    for company in (acme, globex):
        await logo.put_logo(company.workspace, PIXEL)
    await run_jobs()
    entry = (await client.get("/api/v1/audit-log", headers=acme.headers)).json()["items"][0]
    return {
        "form": form["id"],
        "lead": lead["id"],
        "notification": told["id"],
        "job": str(job["_id"]),
        "invitation": invited.json()["id"],
        "key": key.json()["id"],
        "grant": grant.json()["id"],
        "member": person.id,
        "export": str(export),
        "bill": str(bill["_id"]),
        "connection": str(connection["_id"]),
        "entry": entry["id"],
    }
