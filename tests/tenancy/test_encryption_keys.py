"""Keys are rotated while everything works; a lost one is named, and gives up only what it encrypted."""

from datetime import timedelta

import pytest
from bson import ObjectId
from pyotp.totp import TOTP

from jazzaam.cli import key_operation
from jazzaam.composition import compose, prepare
from jazzaam.control.accounts.models import AccountType, Principal
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.control.second_factor import service as second_factor
from jazzaam.crm.records import SETTINGS
from jazzaam.errors import ConfigurationError, InvalidInput
from jazzaam.signing import Keyring
from jazzaam.tenancy.encryption_keys import Key, in_tenant, known_keys
from jazzaam.tenancy.models import Tier
from jazzaam.tenancy.users import OPERATOR

OLD, NEW = "the old key, of thirty-two bytes...", "the new key, of thirty-two bytes..."


def id_of(key):
    return Keyring([key]).current_id


@pytest.fixture
async def world(settings, mongod, make_company, app):
    """An installation of its own: processes of it are composed with the keys that are named."""
    opened = []

    async def process(*keys):
        application = compose(
            settings.model_copy(
                update={
                    "encryption_keys": settings.__class__(
                        _env_file=None, encryption_keys=",".join(key.replace(",", ";") for key in keys)
                    ).encryption_keys,
                    "system_database": "keys_system",
                    "database_prefix": "keys_tenant_",
                }
            ),
            user=OPERATOR,
        )
        opened.append(application)
        await prepare(application)
        return application

    yield process
    client = opened[0].deployment.clusters.client("main", OPERATOR)
    for tenant in await opened[0].deployment.tenancy.catalog.tenants():
        await opened[0].deployment.credentials.drop_all(tenant)
    for name in await client.list_database_names():
        if name.startswith("keys_"):
            await client.drop_database(name)
    for application in opened:
        await application.deployment.close()


async def dedicated(application):
    now = application.control.clock.now()
    tenant = await application.deployment.provisioner.create(str(ObjectId()), at=now)
    return await application.deployment.credentials.set_tier(tenant.id, Tier.dedicated, now)


async def opens(application, tenant):
    application.deployment.tenancy.catalog.forget(tenant.id)
    await application.deployment.tenancy.pool.close()
    with await application.deployment.tenancy.open(tenant.id) as db:
        await db.raw["leads"].find_one({})


def old_id():
    return id_of(OLD.replace(",", ";"))


def new_id():
    return id_of(NEW.replace(",", ";"))


async def test_rotating_leaves_nothing_under_the_old_key(world):
    before = await world(OLD)
    tenants = [await dedicated(before) for _ in range(3)]
    both, said = await world(NEW, OLD), []
    for tenant in tenants:
        await opens(both, tenant)

    assert await key_operation.rotate(both, said.append) == 0

    assert f"3 encrypted with the key {new_id()}." in said
    assert f"Nothing is encrypted with the key {old_id()} any more: it may go." in said
    after = await world(NEW)
    for tenant in tenants:
        await opens(after, tenant)
    said.clear()
    await key_operation.rotate(after, said.append)
    assert said == [f"0 encrypted with the key {new_id()}."]


async def with_a_second_factor(application):
    """An account that has begun a second factor; gives how to sign in with it."""
    plane = ControlPlane(application.deployment.system(), application.control)
    account_id, now = ObjectId(), plane.clock.now()
    await AccountRepository(plane.db).add(
        account_id, f"{account_id}@example.com", now, password_hash=None, account_type=AccountType.user
    )
    principal = Principal(
        "0" * 24,
        now,
        account_id,
        None,
        0,
        platform_admin=False,
        lacks_second_factor=True,
        authenticated_at=now,
    )
    begun = await second_factor.begin(plane, principal, None)
    recovery = await second_factor.confirm(plane, principal, TOTP(begun.secret).at(now))

    async def is_right(application, code):
        plane = ControlPlane(application.deployment.system(), application.control)
        factor = await AccountRepository(plane.db).second_factor(account_id)
        return await second_factor.is_right_code(plane, account_id, factor, code)

    def code():
        return TOTP(begun.secret).at(now, counter_offset=1)

    return account_id, is_right, code, recovery


async def test_second_factors_are_encrypted_anew(world):
    _, is_right, code, _ = await with_a_second_factor(await world(OLD))
    said = []

    await key_operation.rotate(await world(NEW, OLD), said.append)

    assert said[0] == f"1 encrypted with the key {new_id()}."
    assert await is_right(await world(NEW), code())


async def test_a_recovery_code_is_left_to_whose_second_factor_had_a_lost_key(world):
    account_id, is_right, code, recovery = await with_a_second_factor(await world(OLD))
    without, said = await without_the_old(world, await world(NEW, OLD)), []

    await key_operation.forget(without, old_id(), said.append)

    assert said[0] == f"Gone: companies.secondFactor.secret of {account_id} (row {account_id})."
    after = await world(NEW)
    assert not await is_right(after, code())
    assert await is_right(after, recovery[0])


async def test_a_process_without_a_key_in_use_refuses_and_names_it(world):
    await dedicated(await world(OLD))

    with pytest.raises(ConfigurationError) as refused:
        await world(NEW)

    assert refused.value.detail.startswith(f"JAZZAAM_ENCRYPTION_KEYS lacks the key {old_id()}: ")
    assert "\n" not in refused.value.detail


async def test_forgetting_says_what_is_gone_and_the_rest_works(world):
    first = await world(OLD)
    lost = await dedicated(first)
    both = await world(NEW, OLD)
    kept = await dedicated(both)

    with pytest.raises(ConfigurationError, match="keys rotate"):
        await key_operation.forget(both, old_id(), [].append)
    without, said = await without_the_old(world, both), []
    with pytest.raises(InvalidInput):
        await key_operation.forget(without, "0" * 8, said.append)
    await key_operation.forget(without, old_id(), said.append)

    assert said == [
        f"{lost.id} has a new MongoDB password: nothing is lost.",
        f"The key {old_id()} is forgotten. Nothing was lost with it; all else works.",
    ]
    after = await world(NEW)
    await opens(after, lost)
    await opens(after, kept)
    assert list(await known_keys(after.deployment.system())) == [new_id()]


async def test_a_company_that_is_being_erased_goes_on_without_the_key(world):
    first = await world(OLD)
    doomed = await dedicated(first)
    erasure, now = first.deployment.erasure, first.control.clock.now()
    await erasure.suspend(doomed.id)
    await erasure.close(doomed.id, now)
    without, said = await without_the_old(world, await world(NEW, OLD)), []

    await key_operation.forget(without, old_id(), said.append)

    assert said[0] == f"{doomed.id} is being erased: nothing is lost."
    done = [mended async for mended in without.deployment.care.repair(now + timedelta(hours=1))]
    assert (doomed.id, "erased") in done
    receipt = await without.deployment.erasure.receipt(doomed.id)
    assert receipt["users"] == [f"t_{doomed.id}_e1"]


async def without_the_old(world, both):
    """A process that was given the new key alone, as `jazzaam keys forget` runs: unchecked."""
    with pytest.raises(ConfigurationError):
        await world(NEW)
    only_new = Keyring([NEW.replace(",", ";")])
    both.cipher._keyring = only_new
    return both


def test_nothing_is_encrypted_where_no_rotated_key_would_find_it():
    with pytest.raises(ValueError, match=r"settings\.password is not declared"):
        SETTINGS.place("0" * 24, "mailbox", "password")


async def test_a_tenants_own_ciphertexts_are_found_by_their_key(acme, application):
    spec = SETTINGS.__class__(SETTINGS.name, encrypted=("mail.password",))
    place = spec.place(acme.id, "mailbox", "mail.password")
    stored = application.cipher.encrypt(b"secret", place)
    await acme.db[SETTINGS].insert({"_id": "mailbox", "mail": {"password": stored}})

    found = [one async for one in in_tenant(acme.db, [spec], Key(application.cipher.current_id))]

    assert [str(one) for one in found] == [f"settings.mail.password of {acme.id} (row mailbox)"]
    assert application.cipher.decrypt(found[0].stored, found[0].place) == b"secret"
    assert await found[0].re_encrypt(application.cipher)
    assert not await found[0].re_encrypt(application.cipher)
    assert [
        one async for one in in_tenant(acme.db, [spec], Key(application.cipher.current_id, all_others=True))
    ] == []
    again = [one async for one in in_tenant(acme.db, [spec], Key(application.cipher.current_id))]
    assert await again[0].remove()
    assert [one async for one in in_tenant(acme.db, [spec], Key(application.cipher.current_id))] == []
