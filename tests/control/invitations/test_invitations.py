import asyncio
from datetime import timedelta

import pytest
from bson import ObjectId

from jazzaam.control.invitations.models import INVITATIONS
from jazzaam.jobs.models import JOBS
from jazzaam.tenancy.database import CompanyScope

NEW = "a wholly different sentence"


async def invite(client, company, email, role="member"):
    return await client.post(
        "/api/v1/invitations", json={"email": email, "role": role}, headers=company.headers
    )


async def accept(client, token, headers=None, **more):
    return await client.post(
        "/api/v1/invitations/accept", json={"token": token, **more}, headers=headers or {}
    )


@pytest.fixture
def mailed(client, run_jobs, mails_to, token_in):
    """Invite an address, and read the token from the mail."""

    async def mailed(company, email, role="member"):
        answer = await invite(client, company, email, role)
        assert answer.status_code == 201, answer.text
        await run_jobs()
        return token_in(mails_to(email)[-1])

    return mailed


def bearer(answer):
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}


async def test_an_address_without_an_account_gets_one_at_acceptance(client, acme, mailed):
    email = f"{ObjectId()}@example.com"
    token = await mailed(acme, email, "viewer")

    without_password = await accept(client, token)
    answer = await accept(client, token, password=NEW, fullName="Ada")

    assert without_password.status_code == 422
    me = (await client.get("/api/v1/me", headers=bearer(answer))).json()
    assert (me["email"], me["fullName"], me["role"]) == (email, "Ada", "viewer")
    assert me["company"]["id"] == acme.id
    login = await client.post("/api/v1/auth/login", json={"email": email, "password": NEW})
    assert login.status_code == 200


async def test_who_has_an_account_accepts_signed_in(client, acme, make_company, mailed):
    person = await make_company("Person", account_type="user")
    token = await mailed(acme, person.email)

    stranger = await accept(client, token, password=NEW)
    answer = await accept(client, token, person.headers)

    assert stranger.status_code == 401
    assert stranger.json()["type"] == "/problems/SignInToAccept"
    assert (await client.get("/api/v1/leads", headers=bearer(answer))).status_code == 200


async def test_only_the_invited_address_accepts(client, acme, globex, make_company, mailed):
    """Acceptance did not look at the caller in the original (S-4)."""
    person = await make_company("Person", account_type="user")
    token = await mailed(acme, person.email)

    theirs = await accept(client, token, globex.headers)

    assert theirs.status_code == 404
    assert (await accept(client, token, person.headers)).status_code == 200


async def test_it_is_good_once_also_at_once(client, acme, mailed):
    token = await mailed(acme, f"{ObjectId()}@example.com")

    answers = await asyncio.gather(*(accept(client, token, password=NEW) for _ in range(4)))

    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(200) == 1
    assert set(codes) <= {200, 401, 404, 409}


async def test_one_that_was_taken_back_opens_nothing(client, acme, mailed):
    token = await mailed(acme, f"{ObjectId()}@example.com")
    waiting = (await client.get("/api/v1/invitations", headers=acme.headers)).json()["items"]

    gone = await client.delete(f"/api/v1/invitations/{waiting[0]['id']}", headers=acme.headers)

    assert gone.status_code == 204
    assert (await accept(client, token, password=NEW)).status_code == 404


async def test_after_seven_days_it_is_over(client, acme, mailed, plane):

    token = await mailed(acme, f"{ObjectId()}@example.com")
    rows = CompanyScope(plane.db, ObjectId(acme.id))[INVITATIONS]
    long_ago = plane.clock.now() - timedelta(days=7, seconds=1)
    await rows.update_many({}, {"$set": {"createdAt": long_ago}})

    assert (await accept(client, token, password=NEW)).status_code == 404
    assert (await client.get("/api/v1/invitations", headers=acme.headers)).json()["items"] == []


async def test_no_token_stands_in_the_database(client, acme, mailed, plane):
    token = await mailed(acme, f"{ObjectId()}@example.com")

    rows = CompanyScope(plane.db, ObjectId(acme.id))[INVITATIONS].find({}, {"email": 1, "seed": 1})
    jobs = await plane.db[JOBS].find({}, {"args": 1, "result": 1}).to_list()

    assert token not in str([row async for row in rows]) + str(jobs)


async def test_an_address_is_invited_once_and_a_member_not_at_all(client, acme, mailed):
    email = f"{ObjectId()}@example.com"
    token = await mailed(acme, email)

    again = await invite(client, acme, email)
    await accept(client, token, password=NEW)
    member = await invite(client, acme, email)

    assert again.json()["type"] == "/problems/InvitationExists"
    assert member.json()["type"] == "/problems/MemberExists"


async def test_an_invitation_does_not_tell_whether_there_is_an_account(client, acme, globex):
    known = await invite(client, acme, globex.email)
    unknown = await invite(client, acme, f"{ObjectId()}@example.com")

    assert (known.status_code, unknown.status_code) == (201, 201)
    assert set(known.json()) == set(unknown.json())


async def test_somebody_elses_registration_of_the_address_is_void(client, acme, mailed, run_jobs, mails_to):
    """Whoever registered the address first, and cannot read its mail, gets nothing of it."""
    email = f"{ObjectId()}@example.com"
    theirs = "the password of somebody else"
    await client.post(
        "/api/v1/auth/register", json={"email": email, "password": theirs, "accountType": "user"}
    )
    token = await mailed(acme, email)
    await accept(client, token, password=NEW)

    answers = [
        await client.post("/api/v1/auth/login", json={"email": email, "password": one})
        for one in (theirs, NEW)
    ]

    assert [answer.status_code for answer in answers] == [401, 200]


@pytest.mark.parametrize("body", [{"role": "owner"}, {"role": "god"}, {"senderCompanyId": "f" * 24}])
async def test_a_bad_invitation_is_named(client, acme, body):
    """Inviters named the company themselves in the original (S-4)."""
    answer = await client.post(
        "/api/v1/invitations",
        json={"email": "a@example.com", "role": "member", **body},
        headers=acme.headers,
    )

    assert answer.status_code == 422


@pytest.mark.parametrize("token", ["", "x", "A" * 200])
async def test_a_forged_token_is_refused(client, token):
    assert (await accept(client, token, password=NEW)).status_code == 404


class TestSeats:
    @pytest.fixture
    async def one_seat(self, acme, application):
        catalog = application.deployment.tenancy.catalog
        await catalog.alter({"_id": acme.id}, {"$set": {"limits.members": 1}})

    async def test_who_is_invited_takes_a_seat(self, client, acme, one_seat):
        first = await invite(client, acme, "first@example.com")
        second = await invite(client, acme, "second@example.com")

        assert first.status_code == 201
        assert second.status_code == 402
        assert second.json()["limit"] == "members"

    async def test_of_many_at_once_one_gets_the_seat(self, client, acme, one_seat):
        answers = await asyncio.gather(
            *(invite(client, acme, f"n{number}@example.com") for number in range(5))
        )

        assert [answer.status_code for answer in answers].count(201) == 1

    async def test_an_over_full_company_keeps_its_members(self, client, acme, join, application):
        people = [await join(acme) for _ in range(3)]
        catalog = application.deployment.tenancy.catalog
        await catalog.alter({"_id": acme.id}, {"$set": {"limits.members": 1}})

        for _, headers in people:
            assert (await client.get("/api/v1/leads", headers=headers)).status_code == 200
        assert (await invite(client, acme, "more@example.com")).status_code == 402

    async def test_activating_somebody_takes_a_seat(self, client, acme, join, one_seat):
        gone, _ = await join(acme)
        off = await client.patch(
            f"/api/v1/members/{gone.id}", json={"isActive": False}, headers=acme.headers
        )
        await join(acme)

        back = await client.patch(
            f"/api/v1/members/{gone.id}", json={"isActive": True}, headers=acme.headers
        )

        assert (off.status_code, back.status_code) == (200, 402)
