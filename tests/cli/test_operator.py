"""The operator's commands, run as `jazzaam …` runs them."""

import asyncio

import pytest
from bson import ObjectId
from tests.conftest import forget_tenants

from jazzaam.crm.leads.models import LEADS
from jazzaam.signing import Keyring
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.encryption_keys import ENCRYPTION_KEYS
from jazzaam.tenancy.models import TenantStatus, Tier
from jazzaam.tenancy.report import reports


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


async def test_nothing_to_migrate_and_no_drift(command, acme):
    status, out, _ = await command("tenants", "migrate", "--tenants", acme.id)
    assert status == 0
    assert "0 of 0 companies done" in out
    status, out, _ = await command("tenants", "drift", "--tenants", acme.id)
    assert status == 0
    assert "1 of 1 companies done, 0 failed" in out


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
def test_bad_input_is_one_line_and_status_2(run, app, arguments, line):
    status, out, err = run(*arguments)

    assert status == 2
    assert out == ""
    assert err.startswith("jazzaam: ")
    assert line in err
    assert err.count("\n") == 1


NOBODY = '{"gone": {"app": "mongodb://127.0.0.1:1/?directConnection=true"}}'


def test_a_cluster_that_does_not_answer_is_one_line_that_names_it(run, app):
    status, _, err = run("tenants", "drift", CLUSTERS=NOBODY, MONGODB_CONNECT_SECONDS="1")

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
