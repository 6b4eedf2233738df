"""kill -9 at every step of a tenant's life: it is finished or undone, and nothing is unknown."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from tests.processes import environment
from tests.tenancy import dying

from jazzaam.cli import capsules
from jazzaam.composition import compose
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.crm.forms import service as forms
from jazzaam.crm.forms.models import FormType
from jazzaam.features import SHAPE, SYSTEM_COLLECTIONS
from jazzaam.tenancy import schema
from jazzaam.tenancy.models import TenantStatus, Tier
from jazzaam.tenancy.steps import Step
from jazzaam.tenancy.users import OPERATOR

ROOT = Path(__file__).parents[2]
STEPS = {
    "create": [Step.row_written, Step.database_built, Step.activated],
    "ready": [Step.row_written, Step.database_built, Step.made_ready],
    "sign-up": [Step.claimed, Step.activated],
    "erase": [
        Step.erasure_begun, Step.rows_removed, Step.users_dropped, Step.database_dropped,
        Step.receipt_written, Step.row_removed,
    ],
    "import": [
        Step.import_begun, Step.collection_loaded, Step.shape_brought, Step.keys_reserved, Step.imported,
    ],
    "dedicate": [Step.credential_begun, Step.user_made, Step.credential_switched],
    "rotate": [
        Step.credential_begun, Step.user_made, Step.credential_switched, Step.old_user_dropped,
    ],
}  # fmt: skip
EVERY = [(action, step) for action, steps in STEPS.items() for step in steps]


@pytest.fixture
async def deployment(app, application):
    return application.deployment


@pytest.fixture
def now(application):
    return application.control.clock.now()


@pytest.fixture
async def arguments(deployment, now, make_company, operator, tmp_path):
    """Make what an action acts on."""

    async def make(action):
        if action == "create":
            return [str(ObjectId())]
        if action == "ready":
            return []
        if action == "sign-up":
            await deployment.provisioner.keep_ready(1, now)
            return [f"cut-off-{ObjectId()}@example.com"]
        company = await make_company("Doomed")
        if action == "import":
            await forms.create_platform_form(company.workspace, FormType.linkedin)
            path = tmp_path / "doomed.capsule"
            await capsules.export_tenant(operator, company.id, path, [].append)
            return [str(path), str(ObjectId())]
        company.db.release()
        if action in ("rotate", "erase"):
            await deployment.credentials.set_tier(company.id, Tier.dedicated, now)
        return [company.id]

    return make


@pytest.fixture
def settings_of_a_process(settings):
    secrets = {
        name.upper(): getattr(settings, name).get_secret_value()
        for name in ("mongodb_uri", "mongodb_operator_uri")
    }
    return {
        **secrets,
        "SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "DATA_DIR": str(settings.data_dir),
        "ERASE_FENCE_SECONDS": "0",
    }


def test_every_step_is_reached_by_some_action():
    assert {step for steps in STEPS.values() for step in steps} == set(Step)


@pytest.mark.parametrize("action", STEPS)
async def test_an_action_reaches_its_steps_in_order(action, arguments, settings, passwords):
    seen = []
    application = compose(settings, user=OPERATOR, observe=seen.append, passwords=passwords)
    await dying.act(application, action, *await arguments(action))
    await application.deployment.close()

    assert list(dict.fromkeys(seen)) == STEPS[action]


@pytest.mark.parametrize(("action", "step"), EVERY, ids=lambda one: getattr(one, "name", one))
async def test_a_process_that_ends_there_leaves_nothing_half_done(
    action, step, arguments, deployment, settings_of_a_process, now, root
):
    before = await There.look(root)
    given = await arguments(action)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.tenancy.dying", step.name, action, *given],
        cwd=ROOT, env=environment(**settings_of_a_process), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    catalog = deployment.tenancy.catalog
    for tenant in await catalog.tenants():
        catalog.forget(tenant.id)
    async for mended in deployment.care.repair(now + timedelta(minutes=11)):
        assert "could not" not in mended.what, mended

    await nothing_is_half_done(deployment, root, before)
    await CHECKS[action](deployment, root, given, step)


@dataclass(frozen=True)
class There:
    """What MongoDB holds of tenants."""

    databases: frozenset[str]
    users: frozenset[str]

    @classmethod
    async def look(cls, root):
        names = await root.list_database_names()
        users = (await root.admin.command("usersInfo"))["users"]
        return cls(
            frozenset(name for name in names if name.startswith("jazzaam_company_")),
            frozenset(user["user"] for user in users if user["user"].startswith("t_")),
        )


async def nothing_is_half_done(deployment, root, before):
    """No row waits for a process that is gone, and each new database and user is some tenant's."""
    rows = await deployment.tenancy.catalog.tenants()
    settled = {TenantStatus.active, TenantStatus.ready, TenantStatus.suspended}
    assert {row.status for row in rows} <= settled
    in_change = {"credentialPending": {"$exists": True}}
    assert await deployment.tenancy.catalog.tenants(matching=in_change) == []
    now = await There.look(root)
    assert {row.database for row in rows} <= now.databases
    assert now.databases - before.databases <= {row.database for row in rows}
    assert now.users - before.users <= {
        f"t_{row.id}_e{row.credential.epoch}" for row in rows if row.credential
    }


async def check_created(deployment, _root, given, step):
    there = [row.id for row in await deployment.tenancy.catalog.tenants() if row.id == given[0]]
    assert bool(there) == (step is Step.activated)
    if not there:
        await deployment.provisioner.create(given[0], at=datetime.now(UTC))
    with await deployment.tenancy.open(given[0]) as db:
        assert await schema.differences(db.raw, SHAPE.collections) == []


async def check_ready(deployment, _root, _given, _step):
    for tenant in await deployment.tenancy.catalog.tenants(TenantStatus.ready):
        with await deployment.tenancy.administer(tenant) as db:
            assert await schema.differences(db.raw, SHAPE.collections) == []


async def check_signed_up(deployment, _root, given, step):
    """The account and its company came together or not at all."""
    system = deployment.system()
    account = await system.unscoped(COMPANIES, "test").find_one({"email": given[0]}, {"_id": 1})
    assert (account is not None) == (step is Step.activated)
    if account is not None:
        with await deployment.tenancy.open(str(account["_id"])):
            pass
        assert await system.unscoped(MEMBERSHIPS, "test").count({"companyId": account["_id"]}) == 1


async def check_erased(deployment, root, given, _step):
    tenant_id = given[0]
    receipt = await deployment.erasure.receipt(tenant_id)
    assert receipt["finishedAt"]
    assert receipt["removed"]["memberships"] == 1
    assert receipt["users"] == [f"t_{tenant_id}_e1"]
    for spec in SYSTEM_COLLECTIONS:
        if spec.name != "erasures":
            async for row in root["jazzaam_system"][spec.name].find({}):
                assert tenant_id not in repr(row), spec.name


async def check_imported(deployment, root, given, step):
    """The company is there whole, or the id is free and no key was kept; then it is imported."""
    tenant_id = given[1]
    keys = root["jazzaam_system"]["publickeys"]
    there = tenant_id in {row.id for row in await deployment.tenancy.catalog.tenants()}
    assert there == (step is Step.imported)
    assert await keys.count_documents({"tenantId": tenant_id}) == there
    if there:
        form = await root[f"jazzaam_company_{tenant_id}"]["forms"].find_one({})
        named = await deployment.tenancy.catalog.key(form["accessToken"])
        assert named is not None
        assert named.tenant_id == tenant_id


async def check_credential(deployment, _root, given, _step):
    with await deployment.tenancy.open(given[0]) as db:
        assert "leads" in await db.raw.list_collection_names()


CHECKS = {
    "create": check_created,
    "ready": check_ready,
    "sign-up": check_signed_up,
    "erase": check_erased,
    "import": check_imported,
    "dedicate": check_credential,
    "rotate": check_credential,
}
