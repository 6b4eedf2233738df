"""Every job of every feature, asked for in the wrong company with what is known to exist in another."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from jazzaam import features
from jazzaam.control.audit.models import AUDIT_LOGS
from jazzaam.crm.exports.models import EXPORTS
from jazzaam.crm.records import TRASH
from jazzaam.integrations.files import Shelf
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, Place
from jazzaam.jobs.schedule import Beat
from jazzaam.tenancy.catalog import PUBLIC_KEYS
from jazzaam.tenancy.database import CompanyScope
from jazzaam.worker import create_runner

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Things:
    """What Acme has, and how to see that a job changed something of it."""

    application: Any
    company: Any
    lead: ObjectId
    form: ObjectId
    token: str
    file: ObjectId
    export: ObjectId


TOLD = {
    "action": "update",
    "resource": "lead",
    "resource_id": "",
    "status": "success",
    "fields": [],
    "values": {},
    "actor": {"kind": "account", "id": ""},
    "at": AT,
    "address": "",
    "agent": "",
    "request_id": "",
}
# For each company's job: the arguments that name Acme's own.
TENANT_JOBS = {
    "forms.notify_new_lead": lambda has: {
        "lead_id": has.lead, "form_id": has.form, "submission_id": ObjectId()
    },
    "forms.notify_submitted_again": lambda has: {
        "lead_id": has.lead, "form_id": has.form, "submission_id": ObjectId()
    },
    "forms.notify_quarantine": lambda has: {"form_id": has.form, "submission_id": ObjectId()},
    "forms.activate_key": lambda has: {"form_id": has.form},
    "trash.empty": lambda _: {"fire_at": AT},
    "exports.write": lambda has: {"by_kind": "account", "by_id": has.company.id},
    "exports.forget": lambda has: {"export_id": has.export},
    "logo.remove_file": lambda has: {"file_id": has.file},
    "audit.append": lambda has: dict(TOLD, resource_id=str(has.lead)),
}  # fmt: skip
# Jobs of the shared database: no company's database holds a row that they are found in.
CONTROL_JOBS = {
    "accounts.mail_code": {"email": "x@example.com", "number": 1},
    "accounts.forget_registrations": {"fire_at": AT},
    "passwords.mail_reset": {"email": "x@example.com", "seed": b"s" * 16},
    "invitations.mail": {"company_id": ObjectId(), "invitation_id": ObjectId()},
    "deletion.mail_owner": {"company_id": ObjectId(), "account_id": ObjectId(), "erase_after": AT},
    "identities.mail_linked": {"account_id": ObjectId(), "provider": "google"},
    "contact.mail": {"message_id": ObjectId()},
    "waitlist.mail": {"email": "x@example.com"},
    "audit.append_control": dict(TOLD, company_id=None, account_id=None),
    "audit.tell_heads": {"fire_at": AT},
    "tenants.close_due": {"fire_at": AT},
    "tenants.repair": {"fire_at": AT},
    "tenants.repair_keys": {"fire_at": AT},
    "tenants.keep_ready": {"fire_at": AT},
    "tenants.count_usage": {"fire_at": AT},
    "tenants.plan": {"fire_at": AT},
}


def test_every_job_has_its_case_here():
    assert {job.name for job in features.registry().jobs} == TENANT_JOBS.keys() | CONTROL_JOBS.keys()


def test_what_is_scheduled_for_the_control_plane_is_a_job_of_the_control_plane():
    assert features.registry().crons(Beat.control).keys() <= CONTROL_JOBS.keys()


@pytest.fixture
async def has(client, acme, application, run_jobs):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    await client.post(
        f"/api/v1/public/forms/{form['accessToken']}/submissions",
        json={"linkedinUrl": "https://www.linkedin.com/in/acmes-own"},
    )
    lead = (await client.get("/api/v1/leads", headers=acme.headers)).json()["items"][0]
    await acme.db[JOBS].delete_many({})
    await acme.db[TRASH].insert({"_id": ObjectId(), "kind": "leads", "document": {}, "at": AT})
    keys = application.deployment.system()[PUBLIC_KEYS]
    await keys.update_one({"_id": form["accessToken"]}, {"$set": {"state": "reserved"}})
    file = ObjectId()
    for shelf in Shelf:
        await application.workspaces.files.put(acme.db, shelf, file, once(b"kept"))
    export = ObjectId()
    await acme.db[EXPORTS].insert({"_id": export, "files": [file], "createdAt": AT, "expiresAt": AT})
    lead_id, form_id = ObjectId(lead["id"]), ObjectId(form["id"])
    return Things(application, acme, lead_id, form_id, form["accessToken"], file, export)


async def once(content):
    yield content


async def seen(has):
    """Everything of Acme's: its database but for its jobs, its public keys, and its audit log."""
    raw = has.company.db.raw
    names = sorted(set(await raw.list_collection_names()) - {"jobs"})
    documents = {name: [one async for one in raw[name].find(sort=[("_id", 1)])] for name in names}
    system = has.application.deployment.system()
    keys = system[PUBLIC_KEYS].find({"tenantId": has.company.id}, {"state": 1})
    told = CompanyScope(system, ObjectId(has.company.id))[AUDIT_LOGS].find({}, {"_id": 1})
    return documents, [row async for row in keys], [row async for row in told]


async def run(has, company, name, args):
    """Write the row in a company's database, as its own MongoDB user could, and run it there."""
    job_id, now = ObjectId(), datetime.now(UTC)
    row = {"name": name, "args": args, "v": 1, "state": "queued", "dueAt": now, "attempt": 0}
    await company.db[JOBS].insert({"_id": job_id, **row})
    if name == "exports.write":
        await company.db[EXPORTS].insert({"_id": job_id, "createdAt": now, "expiresAt": now})
    await create_runner(has.application).run(Place("main", company.id, job_id, 0))
    return await outbox.show(company.db, job_id)


@pytest.mark.parametrize("name", sorted(TENANT_JOBS))
async def test_a_companys_job_changes_nothing_of_another(globex, has, name):
    args, before = TENANT_JOBS[name](has), await seen(has)

    theirs = await run(has, globex, name, args)

    assert await seen(has) == before
    assert theirs["attempt"] == 1
    ours = await run(has, has.company, name, args)
    assert ours["state"] == "done"
    assert await seen(has) != before


@pytest.mark.parametrize("name", sorted(CONTROL_JOBS))
async def test_a_control_planes_job_in_a_companys_database_fails_and_changes_nothing(globex, has, name):
    """A dedicated company's own user may write such a row: it is refused for where it was found."""
    before = await seen(has)

    row = await run(has, globex, name, CONTROL_JOBS[name])

    assert (row["state"], row["lastError"]) == ("dead", "WrongPlace")
    assert await seen(has) == before
