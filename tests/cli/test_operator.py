"""The operator's commands, run as `jazzaam …` runs them."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata

import pytest
from bson import ObjectId
from tests.conftest import forget_tenants

from jazzaam.control.billing.plans import Plan, limits_of
from jazzaam.control.companies.repository import CompanyRepository
from jazzaam.crm.leads.models import LEADS
from jazzaam.jobs.models import JOBS
from jazzaam.signing import Keyring
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.encryption_keys import ENCRYPTION_KEYS
from jazzaam.tenancy.models import TenantStatus, Tier
from jazzaam.tenancy.report import reports

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalog(application):
    return application.deployment.tenancy.catalog


async def row(catalog, company):
    catalog.forget(company.id)
    return await catalog.tenant(company.id)


async def test_the_list_names_every_company(command, acme):
    status, out, _ = await command("tenants", "list")

    assert status == 0
    assert f"{acme.id}  active        shared     main  Acme\n" in out
    await command("tenants", "delete", acme.id)
    (line,) = [line for line in (await command("tenants", "list"))[1].splitlines() if acme.id in line]
    assert "suspended" in line
    assert "(erased after 20" in line


async def test_a_tier_is_set_and_its_credentials_rotated(command, acme, catalog, application):
    status, _, err = await command("tenants", "rotate-credentials", acme.id)
    assert (status, "is shared" in err) == (2, True)
    assert (await row(catalog, acme)).tier is Tier.shared
    status, out, _ = await command("tenants", "set-tier", acme.id, "dedicated")
    assert (status, out) == (0, f"{acme.id} is dedicated now.\n")
    assert (await row(catalog, acme)).tier is Tier.dedicated

    status, out, _ = await command("tenants", "rotate-credentials", acme.id, "--grace", "0")
    assert status == 0
    assert f"t_{acme.id}_e2" in out
    assert f"The old MongoDB user t_{acme.id}_e1 is dropped." in out

    status, out, _ = await command("tenants", "set-tier", acme.id, "shared", "--grace", "0")
    assert status == 0
    assert (await row(catalog, acme)).tier is Tier.shared
    assert await application.deployment.credentials.drop_all(acme.db.tenant) == []


async def test_a_company_is_suspended_resumed_deleted_and_restored(command, acme, catalog, client):
    assert (await command("tenants", "suspend", acme.id))[0] == 0
    assert (await row(catalog, acme)).status is TenantStatus.suspended
    assert (await command("tenants", "resume", acme.id))[0] == 0
    assert (await row(catalog, acme)).status is TenantStatus.active

    status, out, _ = await command("tenants", "delete", acme.id)
    assert status == 0
    assert "will be erased after" in out
    assert (await row(catalog, acme)).status is TenantStatus.suspended
    assert (await command("tenants", "resume", acme.id))[0] == 0
    assert (await client.get("/api/v1/leads", headers=acme.headers)).status_code == 200


async def test_a_company_is_erased_at_once_with_a_receipt(command, acme, client):
    await client.post("/api/v1/leads", json={"platform": "other", "fullName": "Ada"}, headers=acme.headers)

    status, out, _ = await command("tenants", "delete", acme.id, "--grace-days", "0")

    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["memberships", "1"] in lines
    assert ["database:leads", "1"] in lines
    assert (await command("tenants", "receipt", acme.id))[1] == out
    status, _, err = await command("tenants", "resume", acme.id)
    assert (status, err) == (2, "jazzaam: There is no such company.\n")


async def test_a_company_is_exported_and_imported(command, acme, globex, client, tmp_path, application):
    await client.post("/api/v1/leads", json={"platform": "other", "fullName": "Ada"}, headers=acme.headers)
    file, new_id = str(tmp_path / "acme.capsule"), str(ObjectId())

    status, out, _ = await command("tenants", "export", acme.id, file)
    assert status == 0
    assert out.startswith(f"{acme.id}: ")
    status, out, err = await command("tenants", "import", file, "--as", new_id, "--owner", globex.email)
    assert (status, err.count("jazzaam: ")) == (0, 0)
    assert out.startswith(f"{new_id}: ")
    with await application.deployment.tenancy.open(new_id) as db:
        assert await db[LEADS].count({"fullName": "Ada"}) == 1
    await forget_tenants(application, [new_id])


async def test_a_copy_keeps_its_plan_and_none_of_the_work_that_was_under_way(
    command, client, acme, plane, application, run_jobs, tmp_path
):
    """Its jobs came along: what had been logged of the first company was called tampered with."""
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    address = f"/api/v1/public/forms/{form['accessToken']}/submissions"
    await client.post(address, json={"linkedinUrl": "https://www.linkedin.com/in/ada"})
    assert (await command("companies", "set-plan", acme.id, "growth"))[0] == 0
    await run_jobs(acme)
    await client.post(address, json={"linkedinUrl": "https://www.linkedin.com/in/bob"})  # and waits
    file, copies = str(tmp_path / "acme.capsule"), [str(ObjectId()) for _ in range(3)]
    assert (await command("tenants", "export", acme.id, file))[0] == 0

    kept = await command("tenants", "import", file, "--as", copies[0], "--no-owner")
    named = await command("tenants", "import", file, "--as", copies[1], "--no-owner", "--plan", "starter")

    assert (await command("companies", "set-plan", acme.id, "free"))[0] == 0
    revived = await command("tenants", "import", file, "--as", copies[2], "--no-owner")

    assert (kept[0], named[0], revived[0]) == (0, 0, 0)
    assert revived[1].splitlines()[0].endswith("imported, on the plan free.")
    assert kept[1].splitlines()[0].endswith("imported, on the plan growth.")
    assert named[1].splitlines()[0].endswith("imported, on the plan starter.")
    for copy, plan in zip(copies[:2], ("growth", "starter"), strict=True):
        with await application.deployment.tenancy.open(copy) as db:
            assert db.tenant.limits["leads"] == limits_of(Plan(plan))["leads"]
            assert await db[LEADS].count({}) == 2
            assert await db[JOBS].count({"name": "forms.notify_new_lead"}) == 0
        company = await CompanyRepository(plane.db, ObjectId(copy)).get()
        assert (company["subscriptionPlan"], company["subscriptionStatus"]) == (plan, "active")
        status, out, _ = await command("audit", "verify", copy)
        assert (status, out.splitlines()[-1]) == (0, "Nothing is wrong.")
    await forget_tenants(application, copies)


@pytest.mark.parametrize("verb", [("migrate", "--all", "--dry-run"), ("migrate",), ("drift",)])
@pytest.mark.parametrize("choice", ["", ",", ",,", "@empty", "@blank"])
async def test_a_choice_of_nobody_is_never_everybody(command, acme, tmp_path, verb, choice):
    """An empty file of ids migrated the whole fleet."""
    (tmp_path / "empty").touch()
    (tmp_path / "blank").write_text("\n \r\n")

    status, out, err = await command("tenants", *verb, "--tenants", choice.replace("@", f"@{tmp_path}/"))

    assert (status, out) == (2, "")
    assert "names no company" in err
    everybody = await command("tenants", "drift", "--run", str(ObjectId()))
    assert "companies done" in everybody[1] or "company done" in everybody[1]


@pytest.mark.parametrize("verb", [("migrate", "--all", "--dry-run"), ("drift",)])
async def test_a_choice_that_nobody_meets_is_said_to_be_one(command, acme, verb):
    """A cluster or a shape that was mistyped ended like a fleet that needs nothing."""
    status, out, _ = await command("tenants", *verb, "--where", "shape=0")
    mistyped = await command("tenants", *verb, "--where", "cluster=elsewhere")

    assert (status, out.splitlines()[0]) == (0, "No company meets these conditions.")
    assert (mistyped[0], mistyped[1]) == (2, "")
    assert "cluster is one of" in mistyped[2]
    assert "conditions" not in (await command("tenants", *verb, "--where", "status=active"))[1]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("companies", "set-plan", "f" * 24, "gold"), ("'PLAN'", "'gold'", "'starter'")),
        (("tenants", "import", "x.capsule", "--plan", "platinum"), ("'--plan'", "'platinum'", "'pro'")),
        (("tenants", "set-tier", "f" * 24, "none"), ("'TIER'", "'none'", "'dedicated'")),
        (("tenants", "list", "--nothing"), ("--nothing",)),
    ],
)
async def test_what_a_command_does_not_know_is_named_in_one_line(command, arguments, names):
    """It was a box, drawn over four lines."""
    status, out, err = await command(*arguments)

    assert (status, out) == (2, "")
    assert all(name in err.splitlines()[-1] for name in names)


async def test_a_database_that_is_lost_is_found_and_not_replaced_by_an_empty_one(
    command, acme, application, root
):
    """Migrating made an empty one in its place: nothing was wrong then, and nothing was there."""
    name = f"jazzaam_company_{acme.id}"
    await root.drop_database(name)

    status, out, _ = await command("tenants", "migrate", "--all", "--tenants", acme.id)
    found = await command("doctor")

    assert status == 1
    assert f"{acme.id}: DatabaseLost" in out
    assert name not in await root.list_database_names()
    assert found[0] == 1
    assert acme.id in next(line for line in found[1].splitlines() if "databases" in line)
    await forget_tenants(application, [acme.id])


async def test_an_empty_company_is_not_the_installation(command, acme):
    for arguments in (("jobs", "crons", ""), ("jobs", "list", "--company", ""), ("audit", "verify", "")):
        status, _, err = await command(*arguments)
        assert status == 2
        assert "is not a company's id" in err


async def test_a_name_is_shown_on_every_terminal_and_does_nothing_to_it(command, acme, plane, settings):
    name = "Åcme \u202e\x1b[31m\n\U0001f600 GmbH"
    await CompanyRepository(plane.db, ObjectId(acme.id)).change({"companyName": name}, None, AT)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("JAZZAAM_")},
        "JAZZAAM_MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "JAZZAAM_MONGODB_OPERATOR_URI": settings.mongodb_operator_uri.get_secret_value(),
        "JAZZAAM_SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "JAZZAAM_ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "PYTHONIOENCODING": "ascii",
    }

    listed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "jazzaam", "tenants", "list"],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert listed.returncode == 0, listed.stderr
    assert rb"\xc5cme ??[31m?\U0001f600 GmbH" in listed.stdout


async def test_the_version_is_told(command):
    status, out, _ = await command("--version")

    assert (status, out) == (0, f"jazzaam {metadata.version('jazzaam')}\n")


async def test_nothing_to_migrate_and_no_drift(command, acme):
    status, out, _ = await command("tenants", "migrate", "--tenants", acme.id)
    assert status == 0
    assert "0 of 0 companies done" in out
    status, out, _ = await command("tenants", "drift", "--tenants", acme.id)
    assert status == 0
    assert "1 of 1 company done, 0 failed" in out


async def test_drift_is_named_and_migrating_mends_it(command, acme, globex, application):
    database = application.deployment.clusters.client("main")[acme.db.tenant.database]
    await database["leads"].drop_index("createdAt_-1__id_-1")
    both = f"{acme.id},{globex.id}"

    status, out, _ = await command("tenants", "drift", "--tenants", both)
    assert status == 1
    assert f"{acme.id}: missing index leads.createdAt_-1__id_-1" in out
    assert f"{globex.id}: " not in out

    assert "0 of 0 companies done" in (await command("tenants", "migrate", "--tenants", both))[1]
    status, out, _ = await command("tenants", "migrate", "--all", "--dry-run", "--tenants", both)
    assert status == 1
    assert f"{acme.id}: missing index" in out
    status, out, _ = await command("tenants", "migrate", "--all", "--tenants", both)
    assert status == 0
    assert "2 of 2 companies done" in out
    assert (await command("tenants", "drift", "--tenants", both))[0] == 0


async def test_a_named_run_goes_on_where_it_ended(command, acme, globex):
    name = str(ObjectId())
    assert "1 of 1" in (await command("tenants", "drift", "--run", name, "--tenants", acme.id))[1]

    out = (await command("tenants", "drift", "--run", name, "--tenants", f"{acme.id},{globex.id}"))[1]

    assert "1 of 1" in out


async def test_the_pools_of_running_processes_are_shown(command, acme, application, client):
    deployment = application.deployment
    await deployment.credentials.set_tier(acme.id, Tier.dedicated, application.control.clock.now())
    assert (await client.get("/api/v1/leads", headers=acme.headers)).status_code == 200

    async with asyncio.timeout(15):
        while f"t_{acme.id}_e1" not in (shown := (await command("tenants", "pool"))[1]):
            await asyncio.sleep(0.5)

    assert " of 50 open, 0 leased, 0 waiting, " in shown
    await deployment.credentials.drop_all(acme.db.tenant)


async def test_keys_are_not_rotated_before_every_process_has_the_new_one(
    command, app, application, settings
):
    async with asyncio.timeout(15):
        while not await reports(application.deployment.system(), application.control.clock.now()):
            await asyncio.sleep(0.2)
    new = "a newer key of thirty-two bytes or more"
    both = f"{new},{settings.encryption_keys[0].get_secret_value()}"

    status, _, err = await command("keys", "rotate", ENCRYPTION_KEYS=both)

    assert status == 2
    assert f"lacks the key {Keyring([new]).current_id}: restart it" in err
    await application.deployment.system()[ENCRYPTION_KEYS].delete_many({"_id": Keyring([new]).current_id})
    assert (await command("keys", "rotate"))[0] == 0


async def test_without_the_right_to_keep_users_nothing_is_begun(command, acme, settings, catalog):
    app_uri = settings.mongodb_uri.get_secret_value()

    status, _, err = await command(
        "tenants", "set-tier", acme.id, "dedicated", MONGODB_OPERATOR_URI=app_uri
    )

    assert status == 2
    assert "not authorized" in err
    assert (await command("tenants", "set-tier", acme.id, "dedicated"))[0] == 0
    await command("tenants", "set-tier", acme.id, "shared", "--grace", "0")


async def test_repair_says_when_there_is_nothing(command, acme):
    status, out, _ = await command("tenants", "repair")

    assert status == 0
    assert "could not" not in out


async def test_keys_are_listed_without_showing_one(command, settings):
    status, out, _ = await command("keys", "list")

    assert status == 0
    assert " encrypts  in use since" in out
    assert settings.encryption_keys[0].get_secret_value() not in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("tenants", "suspend", "no-id"), "'no-id' is not a company's id."),
        (("tenants", "resume", "F" * 24), f"'{'F' * 24}' is not a company's id."),
        (("tenants", "delete", "f" * 24), "There is no such company."),
        (("tenants", "set-tier", "f" * 24, "dedicated"), "There is no such company."),
        (("tenants", "rotate-credentials", "f" * 23), f"'{'f' * 23}' is not a company's id."),
        (("tenants", "receipt", "f" * 24), "There is no such company."),
        (("tenants", "migrate", "--tenants", "x"), "'x' is not a company's id."),
        (("tenants", "drift", "--tenants", "@/no/such/file"), "cannot be read (FileNotFoundError)"),
        (("tenants", "drift", "--where", "colour=red"), "--where 'colour=red': say one of cluster,"),
        (("tenants", "export", "f" * 24, "/no/such/folder/x"), "There is no such company."),
        (("tenants", "import", "/no/such/file", "--no-owner"), "cannot be read"),
        (("tenants", "import", "pyproject.toml", "--no-owner"), "pyproject.toml is not a capsule."),
        (("tenants", "import", "pyproject.toml"), "--owner EMAIL, or --no-owner"),
        (("tenants", "drift", "--where", "status=asleep"), "status is one of provisioning, ready,"),
        (("keys", "forget", "00000000"), "'00000000' is no key in use"),
    ],
)
async def test_bad_input_is_one_line_and_status_2(command, app, arguments, line):
    status, out, err = await command(*arguments)

    assert status == 2
    assert out == ""
    assert err.startswith("jazzaam: ")
    assert line in err
    assert err.count("\n") == 1


NOBODY = '{"gone": {"app": "mongodb://127.0.0.1:1/?directConnection=true"}}'


async def test_a_cluster_that_does_not_answer_is_one_line_that_names_it(command, app):
    status, _, err = await command("tenants", "drift", CLUSTERS=NOBODY, MONGODB_CONNECT_SECONDS="1")

    assert status == 2
    assert err.startswith("jazzaam: The MongoDB cluster 'gone' does not answer; waited 1 s")
    assert err.count("\n") == 1


async def test_a_cluster_that_is_away_keeps_the_operator_from_its_own_companies_alone(
    command, acme, catalog, application, tmp_path
):
    away, settings = str(ObjectId()), {"CLUSTERS": NOBODY, "MONGODB_CONNECT_SECONDS": "1"}
    await application.deployment.system()[TENANTS].insert(
        {
            "_id": away, "status": "active", "cluster": "gone", "database": f"jazzaam_company_{away}",
            "schemaFingerprint": "x", "createdAt": application.control.clock.now(),
        }
    )  # fmt: skip
    try:
        never = str(tmp_path / "never")
        status, _, err = await command("tenants", "export", away, never, **settings)
        assert status == 2
        assert "'gone' does not answer; waited 1 s" in err
        for subject in (acme.id, away):
            assert (await command("tenants", "suspend", subject, **settings))[0] == 0
            assert (await catalog.tenant(subject)).status is TenantStatus.suspended
    finally:
        await application.deployment.system()[TENANTS].delete_many({"_id": away})
