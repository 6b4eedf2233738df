"""Each door to a workspace, tried with another tenant's key."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from fastapi import Request

from jazzaam.control.accounts.models import SESSIONS
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.crm.dependencies import open_for_visitor
from jazzaam.crm.leads.listing import Listing
from jazzaam.crm.leads.models import LEADS
from jazzaam.crm.leads.service import list_leads
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.errors import Forbidden
from jazzaam.jobs.letters import Pointless
from jazzaam.jobs.models import JOBS, Place
from jazzaam.tenancy.catalog import PUBLIC_KEYS, TENANTS
from jazzaam.tenancy.errors import TenantNotFound, TenantSuspended
from jazzaam.web.at_end import begin
from jazzaam.worker import create_runner

PROFILE = {"linkedinUrl": "https://www.linkedin.com/in/somebody"}


@pytest.fixture
async def form(client, acme):
    return (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()


class TestMembersSession:
    async def test_a_membership_that_ends_ends_access(self, client, acme, app):
        before = await client.get("/api/v1/leads", headers=acme.headers)
        memberships = app.state.deployment.system().unscoped(MEMBERSHIPS, "test")
        await memberships.update_one({"companyId": ObjectId(acme.id)}, {"$set": {"isActive": False}})
        after = await until_refused(client, acme)

        assert before.status_code == 200
        assert after.status_code == 401

    async def test_a_session_whose_company_was_changed_is_refused(self, client, acme, globex, app):
        sessions = app.state.deployment.system().unscoped(SESSIONS, "test")
        assert (await client.get("/api/v1/leads", headers=acme.headers)).status_code == 200
        theirs = await sessions.find_one({"companyId": ObjectId(globex.id)}, {"membershipId": 1})
        await sessions.update_one(
            {"companyId": ObjectId(acme.id)}, {"$set": {"membershipId": theirs["membershipId"]}}
        )

        assert (await until_refused(client, acme)).status_code == 401

    async def test_an_account_without_a_company_has_no_workspace(self, client, make_company):
        person = await make_company("Person", account_type="user")

        assert (await client.get("/api/v1/me", headers=person.headers)).status_code == 200
        refused = await client.get("/api/v1/leads", headers=person.headers)
        assert refused.status_code == 403
        assert refused.json()["type"] == "/problems/NoCompany"

    async def test_a_suspended_company_is_closed_to_members_and_visitors(self, client, acme, form, app):
        assert (await client.get(form["embedUrl"])).status_code == 200
        tenants = app.state.deployment.system()[TENANTS]
        await tenants.update_one({"_id": acme.id}, {"$set": {"status": "suspended"}})
        refused = await until_refused(client, acme)

        assert refused.status_code == 403
        assert (await client.get(form["embedUrl"])).status_code == 404
        with pytest.raises(TenantSuspended):
            await app.state.deployment.tenancy.open(acme.id)


class TestPublicKey:
    async def test_a_tenant_id_beside_the_token_is_not_believed(self, client, acme, globex, form):
        for address in (
            f"/api/v1/public/forms/{form['accessToken']}/submissions?tenantId={globex.id}",
            f"/f/{form['accessToken']}?tenantId={globex.id}",
        ):
            await client.post(
                address,
                data={**PROFILE, "tenantId": globex.id, "companyId": globex.id},
                headers={"X-Company-ID": globex.id, "Cookie": f"tenant={globex.id}", **globex.headers},
            )

        assert await acme.db[LEADS].count({}) == 1
        assert await globex.db[LEADS].count({}) == 0

    async def test_a_key_that_names_a_form_of_another_tenant_opens_nothing(
        self, client, acme, globex, form, app
    ):
        """Somebody who could write a key's row still finds no such form in their own database."""
        token = ObjectId().binary.hex().ljust(64, "0")
        row = {"_id": token, "state": "active", "tenantId": globex.id, "kind": "form"}
        await app.state.deployment.system()[PUBLIC_KEYS].insert({**row, "resourceId": form["id"]})

        assert (await client.get(f"/f/{token}")).status_code == 404

    async def test_a_visitor_may_submit_and_nothing_else(self, client, acme, form, app):

        scope = {"type": "http", "app": app, "method": "GET", "headers": [], "path": "/"}
        begin(scope)
        workspace, _ = await open_for_visitor(Request(scope), form["accessToken"])

        with pytest.raises(Forbidden):
            await list_leads(workspace, Listing(1, "-createdAt"), None, full=False, total=False)


class TestJobsRow:
    async def test_a_jobs_tenant_is_where_its_row_was_found(self, acme, globex, application, client, form):
        """A row that names another company's lead finds no such lead in its own database."""
        await client.post(f"/api/v1/public/forms/{form['accessToken']}/submissions", json=PROFILE)
        lead = await acme.db[LEADS].find_one({}, {"_id": 1})
        job_id = ObjectId()
        now = datetime.now(UTC)
        await globex.db[JOBS].insert(
            {
                "_id": job_id,
                "name": "forms.notify_new_lead",
                "args": {
                    "lead_id": lead["_id"],
                    "form_id": ObjectId(form["id"]),
                    "submission_id": ObjectId(),
                },
                "state": "queued",
                "dueAt": now,
                "attempt": 0,
            }
        )
        runner = create_runner(application)

        await runner.run(Place("main", globex.id, job_id, 0))

        assert await globex.db[NOTIFICATIONS].count({}) == 0
        assert await acme.db[NOTIFICATIONS].count({}) == 0

    async def test_a_message_that_names_the_wrong_place_does_nothing(
        self, acme, globex, application, client, form
    ):
        await client.post(f"/api/v1/public/forms/{form['accessToken']}/submissions", json=PROFILE)
        job = await acme.db[JOBS].find_one({"name": "forms.notify_new_lead"}, {"_id": 1})
        runner = create_runner(application)

        with pytest.raises(Pointless):
            await runner.run(Place("main", globex.id, job["_id"], 0))
        with pytest.raises(Pointless):
            await runner.run(Place("main", "f" * 24, job["_id"], 0))
        assert await acme.db[NOTIFICATIONS].count({}) == 0

        await runner.run(Place("main", acme.id, job["_id"], 0))
        assert await acme.db[NOTIFICATIONS].count({}) == 1


class TestTenancy:
    @pytest.mark.parametrize(
        "tenant_id",
        [
            "",
            "x",
            "F" * 24,
            "f" * 23,
            "f" * 25,
            "../admin",
            "f" * 24 + "\n",
            "admin",
            "jazzaam_system",
            "$ne",
        ],
    )
    async def test_what_is_no_id_opens_nothing(self, app, tenant_id):
        with pytest.raises(TenantNotFound):
            await app.state.deployment.tenancy.open(tenant_id)


async def until_refused(client, company):
    """Ask until the answer changes; the one-second rule says within a second."""

    ends_at = time.monotonic() + 1.2
    while time.monotonic() < ends_at:
        answer = await client.get("/api/v1/leads", headers=company.headers)
        if answer.status_code != 200:
            return answer
        await asyncio.sleep(0.02)
    return answer
