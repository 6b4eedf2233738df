"""Two things at once: what was true when a request began may be over when it writes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import bcrypt
import pyotp
import pytest
from bson import ObjectId
from tests.conftest import PASSWORD, enter

from jazzaam.control.accounts.errors import TokenRefused
from jazzaam.control.accounts.models import SESSIONS
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.identities.models import IDENTITIES
from jazzaam.control.memberships.errors import AccountGone
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.passwords.events import PasswordForgotten
from jazzaam.control.passwords.jobs import mail_reset
from jazzaam.control.sign_in import service as sign_in
from jazzaam.tenancy.database import BoundCollection
from jazzaam.tenancy.errors import TenantBusy
from jazzaam.tenancy.models import TenantId

OTHER = "a wholly different sentence"
AUTH = "/api/v1/auth"
PROVED = {"password": PASSWORD}


@pytest.fixture
def while_verifying(application, monkeypatch):
    """Let something happen after a password was found right, and before anything is written."""

    def arrange(happens, when=PASSWORD):
        usual = application.control.passwords.verify

        async def verify(stored, password, network):
            verdict = await usual(stored, password, network)
            if password == when:
                monkeypatch.undo()
                await happens()
            return verdict

        monkeypatch.setattr(application.control.passwords, "verify", verify)

    return arrange


async def log_in(client, company, password=PASSWORD):
    return await client.post(f"{AUTH}/login", json={"email": company.email, "password": password})


async def sessions_of(plane, account_id):
    return await plane.db.raw[SESSIONS.name].count_documents({"accountId": ObjectId(account_id)})


async def password_is(client, company, right, wrong):
    assert (await log_in(client, company, right)).status_code == 200
    assert (await log_in(client, company, wrong)).status_code == 401


async def test_no_session_that_is_begun_meanwhile_outlives_signing_out_everywhere(client, acme, plane):
    stop = asyncio.Event()

    async def thief():
        while not stop.is_set():
            body = {"companyId": acme.id}
            await client.post(f"{AUTH}/switch-company", json=body, headers=acme.headers)
            await asyncio.sleep(0)  # a refusal awaits nothing

    thieves = [asyncio.create_task(thief()) for _ in range(6)]
    await asyncio.sleep(0.2)
    mine = await log_in(client, acme)
    headers = {"Authorization": f"Bearer {mine.json()['accessToken']}"}
    assert (await client.post(f"{AUTH}/logout-all", headers=headers)).status_code == 204
    await asyncio.sleep(0.3)
    stop.set()
    await asyncio.gather(*thieves)

    assert await sessions_of(plane, acme.id) == 0


async def test_a_session_that_has_ended_begins_no_other_though_it_is_still_remembered(
    client, acme, app, plane
):
    me = (await client.get(f"{AUTH}/sessions", headers=acme.headers)).json()["items"][0]
    principal = await app.state.sessions.principal(me["id"])
    await client.post(f"{AUTH}/logout", headers=acme.headers)

    with pytest.raises(TokenRefused):
        await sign_in.switch_company(plane, principal, ObjectId(acme.id))
    assert await sessions_of(plane, acme.id) == 0


class TestPasswords:
    @pytest.fixture
    def reset(self, client, acme, run_jobs, mails_to, token_in):
        async def reset():
            await client.post(f"{AUTH}/forgot-password", json={"email": acme.email})
            await run_jobs()
            token = token_in(mails_to(acme.email)[-1])
            body = {"token": token, "newPassword": OTHER}
            assert (await client.post(f"{AUTH}/reset-password", json=body)).status_code == 204

        return reset

    async def test_a_change_does_not_undo_a_reset(self, client, acme, while_verifying, reset):
        while_verifying(reset)
        body = {"oldPassword": PASSWORD, "newPassword": "the attacker's own sentence"}

        changed = await client.post(f"{AUTH}/change-password", json=body, headers=acme.headers)

        assert changed.status_code in (401, 422)
        await password_is(client, acme, OTHER, "the attacker's own sentence")

    async def test_a_login_that_was_begun_before_a_reset_ends_without_a_session(
        self, client, acme, while_verifying, reset, plane
    ):
        while_verifying(reset)

        assert (await log_in(client, acme)).status_code == 401
        assert await sessions_of(plane, acme.id) == 0

    async def test_a_better_hash_of_the_old_password_is_not_written_over_the_new(
        self, client, acme, while_verifying, reset, plane
    ):
        old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        row = {"_id": ObjectId(acme.id)}
        await plane.db.raw[COMPANIES.name].update_one(row, {"$set": {"password": old}})
        while_verifying(reset)

        assert (await log_in(client, acme)).status_code == 401
        await password_is(client, acme, OTHER, PASSWORD)

    async def test_an_old_hash_is_still_made_better(self, client, acme, plane):
        old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        row = {"_id": ObjectId(acme.id)}
        await plane.db.raw[COMPANIES.name].update_one(row, {"$set": {"password": old}})

        assert (await log_in(client, acme)).status_code == 200
        stored = await plane.db.raw[COMPANIES.name].find_one(row)
        assert stored["password"].startswith("$argon2id$")

    async def test_a_login_that_was_begun_before_a_second_factor_asks_for_it(
        self, client, acme, while_verifying
    ):
        begun = (await client.post(f"{AUTH}/totp", json=PROVED, headers=acme.headers)).json()

        async def confirm():
            code = pyotp.TOTP(begun["secret"]).now()
            answer = await client.post(f"{AUTH}/totp/confirm", json={"code": code}, headers=acme.headers)
            assert answer.status_code == 200

        while_verifying(confirm)

        assert (await log_in(client, acme)).status_code == 401

    async def test_a_reset_that_was_used_is_used_up_though_its_mail_comes_again(
        self, client, acme, plane, mails_to, token_in
    ):
        event = PasswordForgotten(email=acme.email, seed=b"s" * 16)
        await mail_reset.run(plane, event)
        body = {"token": token_in(mails_to(acme.email)[-1]), "newPassword": OTHER}
        assert (await client.post(f"{AUTH}/reset-password", json=body)).status_code == 204

        await mail_reset.run(plane, event)

        again = await client.post(f"{AUTH}/reset-password", json={**body, "newPassword": PASSWORD})
        assert again.status_code == 422

    async def test_a_second_factor_is_the_one_that_was_confirmed(self, client, acme, plane):
        await client.post(f"{AUTH}/totp", json=PROVED, headers=acme.headers)
        accounts = AccountRepository(plane.db)
        read = await accounts.second_factor(ObjectId(acme.id))
        await client.post(f"{AUTH}/totp", json=PROVED, headers=acme.headers)

        assert not await accounts.confirm_second_factor(ObjectId(acme.id), read["secret"], 1, [])


class TestTeams:
    async def test_whoever_is_removed_comes_back_by_no_invitation_of_their_own(
        self, client, acme, join, mails_to, token_in, run_jobs
    ):
        admin, headers = await join(acme, Role.admin)
        email = f"second-{ObjectId()}@example.com"
        body = {"email": email, "role": "admin"}
        await client.post("/api/v1/invitations", json=body, headers=headers)
        await run_jobs()
        await client.delete(f"/api/v1/members/{admin.id}", headers=acme.headers)

        accepted = await client.post(
            "/api/v1/invitations/accept",
            json={"token": token_in(mails_to(email)[-1]), "password": OTHER, "fullName": "Me again"},
        )

        assert accepted.status_code == 404

    async def test_two_owners_of_three_who_demote_each_other_do_not_both(self, client, acme, join):
        b, in_b = await join(acme, Role.owner)
        c, in_c = await join(acme, Role.owner)
        demote = {"role": "viewer"}

        answers = await asyncio.gather(
            client.patch(f"/api/v1/members/{c.id}", json=demote, headers=in_b),
            client.patch(f"/api/v1/members/{b.id}", json=demote, headers=in_c),
        )

        assert min(one.status_code for one in answers) == 200
        assert max(one.status_code for one in answers) in (401, 403)

    async def test_a_request_of_who_was_removed_while_it_ran_makes_no_key_and_no_invitation(
        self, client, acme, join, app, plane
    ):
        admin, headers = await join(acme, Role.admin)
        await client.get("/api/v1/leads", headers=headers)  # so that they are remembered
        await plane.db.raw[MEMBERSHIPS.name].delete_one({"accountId": ObjectId(admin.id)})

        made = [
            await client.post(path, json=body, headers=headers)
            for path, body in (
                ("/api/v1/api-keys", {"name": "k", "scopes": ["leads:read"]}),
                ("/api/v1/invitations", {"email": "x@example.com", "role": "viewer"}),
            )
        ]

        assert {one.status_code for one in made} <= {401, 403}

    async def test_what_somebody_had_before_they_left_opens_nothing_when_they_are_back(
        self, client, acme, join, plane
    ):
        person, headers = await join(acme, Role.admin)
        key = await client.post(
            "/api/v1/api-keys", json={"name": "k", "scopes": ["leads:read"]}, headers=headers
        )
        old = {"X-API-Key": key.json()["key"]}
        assert (await client.get("/api/v1/leads", headers=old)).status_code == 200
        for change in ({"isActive": False}, {"isActive": True}):
            await client.patch(f"/api/v1/members/{person.id}", json=change, headers=acme.headers)

        async with asyncio.timeout(1):
            while (await client.get("/api/v1/leads", headers=old)).status_code != 401:
                await asyncio.sleep(0.01)
        assert (await client.get("/api/v1/leads", headers=headers)).status_code == 401
        assert await client.get("/api/v1/leads", headers=await enter(client, person.headers, acme))


async def test_a_key_does_no_more_than_its_maker_without_a_second_factor(client, acme, join):
    person, headers = await join(acme, Role.admin)
    key = await client.post(
        "/api/v1/api-keys", json={"name": "k", "scopes": ["settings:write"]}, headers=headers
    )
    with_key = {"X-API-Key": key.json()["key"]}
    path = "/api/v1/company/settings"
    begun = (await client.post(f"{AUTH}/totp", json=PROVED, headers=acme.headers)).json()
    await client.post(
        f"{AUTH}/totp/confirm",
        json={"code": pyotp.TOTP(begun["secret"]).now()},
        headers=acme.headers,
    )
    await client.patch(path, json={"requireSecondFactor": True}, headers=acme.headers)

    async with asyncio.timeout(1):
        while (await client.get("/api/v1/audit-log", headers=with_key)).status_code != 401:
            await asyncio.sleep(0.01)
    off = await client.patch(path, json={"requireSecondFactor": False}, headers=with_key)
    assert off.status_code == 401
    assert person.id


async def test_an_owner_does_not_make_an_operators_suspension_their_own(acme, application):
    erasure, tenant_id = application.deployment.erasure, TenantId(acme.id)
    await erasure.suspend(tenant_id)

    with pytest.raises(TenantBusy):
        await erasure.suspend(tenant_id, erase_after=datetime.now(UTC), by_tenant=True)
    with pytest.raises(TenantBusy):
        await erasure.resume(tenant_id, by_tenant=True)


async def test_whom_the_company_let_go_keeps_their_account_when_it_is_erased(
    client, acme, join, application, plane
):
    """The founder's account has the company's id: it is theirs."""
    successor, headers = await join(acme, Role.owner)
    await client.delete(f"/api/v1/members/{acme.id}", headers=headers)
    erasure, tenant_id = application.deployment.erasure, TenantId(acme.id)

    await erasure.suspend(tenant_id)
    await erasure.erase(tenant_id, plane.clock.now)

    assert (await log_in(client, acme)).status_code == 200
    team = MembershipRepository(plane.db, ObjectId(acme.id))
    assert await team.all() == []
    assert successor.id


async def test_an_account_that_a_company_takes_in_while_its_own_is_erased_stays(
    client, acme, globex, application, plane, monkeypatch
):
    account_id, globex_id = ObjectId(acme.id), ObjectId(globex.id)
    erasure, tenant_id = application.deployment.erasure, TenantId(acme.id)
    usual, taken = BoundCollection.delete_many, []

    async def delete_many(rows, filter_):
        if "membershipRevision" in filter_ and not taken:
            taken.append(filter_)

            async def work():
                await MembershipRepository(plane.db, globex_id).add(
                    account_id, Role.member, plane.clock.now()
                )

            await plane.change(work)
        return await usual(rows, filter_)

    monkeypatch.setattr(BoundCollection, "delete_many", delete_many)
    await erasure.suspend(tenant_id)
    await erasure.erase(tenant_id, plane.clock.now)

    assert taken
    assert (await log_in(client, acme)).status_code == 200


async def test_an_account_that_is_gone_is_taken_in_by_no_company(acme, globex, application, plane):
    erasure, tenant_id = application.deployment.erasure, TenantId(acme.id)
    await erasure.suspend(tenant_id)
    await erasure.erase(tenant_id, plane.clock.now)
    team = MembershipRepository(plane.db, ObjectId(globex.id))

    with pytest.raises(AccountGone):
        await team.add(ObjectId(acme.id), Role.member, plane.clock.now())
    assert [row["accountId"] for row in await team.all()] == [ObjectId(globex.id)]


async def test_of_two_ways_in_that_are_removed_at_once_one_stays(client, make_company, plane):
    person = await make_company("Person", account_type="user")
    account_id, at = ObjectId(person.id), plane.clock.now()
    ids = [ObjectId(), ObjectId()]
    for number, one in enumerate(ids):
        await plane.db[IDENTITIES].insert(
            {
                "_id": one, "issuer": "https://id.example", "subject": f"s{one}", "createdAt": at,
                "accountId": account_id, "provider": "google", "email": f"{number}@example.com",
            }
        )  # fmt: skip
    await plane.db.raw[COMPANIES.name].update_one({"_id": account_id}, {"$unset": {"password": ""}})

    answers = await asyncio.gather(
        *(client.delete(f"/api/v1/me/identities/{one}", headers=person.headers) for one in ids)
    )

    assert sorted(one.status_code for one in answers) == [204, 409]
    assert len((await client.get("/api/v1/me/identities", headers=person.headers)).json()["items"]) == 1
