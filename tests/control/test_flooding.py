"""Whoever floods a door, or an address, neither closes the one to others nor fills the other."""

from __future__ import annotations

import asyncio
import email
from email import policy
from itertools import pairwise

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import PASSWORD

from jazzaam.control.mails import MailCapped, Urgency, deliverable, plain_name, send
from jazzaam.control.password_hashing import Passwords, SignInBusy
from jazzaam.integrations.email import MailNotSent

AUTH = "/api/v1/auth"
ATTACKER, OWNER, OTHER = "198.51.100.7", "203.0.113.5", "203.0.113.99"


def somebody():
    return f"{ObjectId()}@example.com"


async def log_in(client, address, password=PASSWORD):
    return (await client.post(f"{AUTH}/login", json={"email": address, "password": password})).status_code


class TestMails:
    async def test_signing_in_to_an_unproved_address_again_and_again_sends_one_mail(
        self, client, run_jobs, mails_to
    ):
        address = somebody()
        body = {"email": address, "password": PASSWORD, "accountType": "user"}
        await client.post(f"{AUTH}/register", json=body)
        for _ in range(15):
            assert await log_in(client, address) == 403
            await run_jobs()

        assert len(mails_to(address)) == 1

    async def test_an_address_gets_few_invitations_however_many_companies_send_them(
        self, client, make_company, run_jobs, mails_to
    ):
        address = somebody()
        for name in ("Acme", "Globex", "Initech"):
            company = await make_company(name)
            for _ in range(4):
                body = {"email": address, "role": "member"}
                made = await client.post("/api/v1/invitations", json=body, headers=company.headers)
                await run_jobs()
                path = f"/api/v1/invitations/{made.json()['id']}"
                assert (await client.delete(path, headers=company.headers)).status_code == 204

        assert len(mails_to(address)) == 2

    async def test_a_code_comes_although_invitations_have_used_up_theirs(
        self, client, application, run_jobs, mails_to
    ):
        address = somebody()
        for _ in range(2):
            await send(application.control, address, "x", "x", urgency=Urgency.unasked)
        with pytest.raises(MailCapped):
            await send(application.control, address, "x", "x", urgency=Urgency.unasked)

        body = {"email": address, "password": PASSWORD, "accountType": "user"}
        await client.post(f"{AUTH}/register", json=body)
        await run_jobs()

        assert "Your code" in mails_to(address)[-1]["Subject"]

    async def test_over_all_kinds_an_address_gets_five_an_hour(self, application, mails_to):
        address, refused = somebody(), 0
        for urgency in [*Urgency] * 6:
            try:
                await send(application.control, address, "x", "x", urgency=urgency)
            except MailCapped:
                refused += 1

        assert (len(mails_to(address)), refused) == (5, 13)

    async def test_one_network_cannot_use_up_what_is_asked_for(self, application, mails_to):
        address = somebody()
        asked = {"urgency": Urgency.asked, "network": ATTACKER}
        for _ in range(3):
            await send(application.control, address, "x", "x", **asked)
        with pytest.raises(MailCapped):
            await send(application.control, address, "x", "x", **asked)

        await send(application.control, address, "x", "x", urgency=Urgency.asked, network=OTHER)
        await send(application.control, address, "x", "x", urgency=Urgency.owner, network=OWNER)

        assert len(mails_to(address)) == 5

    async def test_a_mail_that_could_not_be_sent_is_not_counted(self, application, mails_to):
        class Down:
            async def send(self, _message):
                raise MailNotSent("down")

        services, address = application.control, somebody()
        down = type(services)(
            **{name: getattr(services, name) for name in services.__dataclass_fields__} | {"mailer": Down()}
        )
        for _ in range(8):
            with pytest.raises(MailNotSent, match="down"):
                await send(down, address, "x", "x", urgency=Urgency.owner)

        for _ in range(5):
            await send(services, address, "x", "x", urgency=Urgency.owner)

    async def test_a_company_cannot_speak_through_its_name(self, client, make_company, run_jobs, mails_to):
        evil = "PayPal: account locked, verify now at http://evil.test/x?y=<a href=//e.vil>"
        company, address = await make_company(evil), somebody()

        await client.post(
            "/api/v1/invitations", json={"email": address, "role": "member"}, headers=company.headers
        )
        await run_jobs()

        (mail,) = mails_to(address)
        text = mail.get_content().replace("\r\n", "\n")
        assert text.startswith("Somebody invites you")
        assert "calls itself: PayPal account locked, verify now at http evil test x y a hr\n" in text
        assert "evil.test" not in mail.as_string()
        assert "PayPal" not in mail["Subject"]

    async def test_a_link_stands_on_one_line_of_the_file(self, client, acme, run_jobs, outbox_folder):
        address = somebody()
        await client.post(
            "/api/v1/invitations", json={"email": address, "role": "member"}, headers=acme.headers
        )
        await run_jobs()

        raw = next(
            content
            for content in (path.read_bytes() for path in outbox_folder.glob("*.eml"))
            if address.encode() in content
        )
        mail = email.message_from_bytes(raw, policy=policy.default)
        link = next(word for word in mail.get_content().split() if "#token=" in word)
        assert link.encode() in raw

    async def test_a_domain_is_written_as_every_server_understands_it(self, application, outbox_folder):
        address = f"{ObjectId()}@münchen.example"

        await send(application.control, address, "x", "Grüße", urgency=Urgency.owner)

        written = [path.read_bytes() for path in outbox_folder.glob("*.eml")]
        ascii_address = address.replace("münchen", "xn--mnchen-3ya").encode()
        assert [b"To: " + ascii_address in content for content in written].count(True) == 1

    @pytest.mark.parametrize(
        ("address", "written"),
        [
            ("ada@münchen.de", "ada@xn--mnchen-3ya.de"),
            ("ada@xn--mnchen-3ya.de", "ada@xn--mnchen-3ya.de"),
            ("ada@example.com", "ada@example.com"),
            ("jörg@münchen.de", "jörg@münchen.de"),
            ("Ada <ada@example.com>", "Ada <ada@example.com>"),
        ],
    )
    def test_an_address_in_ascii_where_it_can_be(self, address, written):
        assert deliverable(address) == written

    @given(st.text())
    def test_a_name_is_one_plain_line(self, name):
        shown = plain_name(name, "nobody")

        assert 0 < len(shown) <= 60
        assert not set(shown) & set('\r\n\t/\\:<>@#?=%"`$\u2028\x00')
        assert not any(a == "." and not b.isspace() for a, b in pairwise(shown))

    @pytest.mark.parametrize(
        "name", ["Müller & Söhne GmbH", "شركة المثال", "O'Brien (UK) Ltd.", "東京 Inc."]
    )
    def test_a_usual_name_stays_as_it_is(self, name):
        assert plain_name(name, "nobody") == name


class TestLockOuts:
    """What a stranger does without any right keeps nobody out who has one."""

    async def test_wrong_sign_ins_from_elsewhere_do_not_keep_the_owner_out(self, client_at, acme):
        owner, attacker = client_at(OWNER), client_at(ATTACKER)
        assert await log_in(owner, acme.email) == 200

        tries = [await log_in(attacker, acme.email, "wrong") for _ in range(25)]

        assert tries == [401] * 20 + [429] * 5
        assert await log_in(owner, acme.email) == 200
        assert await log_in(client_at(OTHER), acme.email) == 429

    async def test_guesses_from_where_the_owner_is_known_have_an_end_too(self, client_at, acme):
        owner = client_at(OWNER)
        assert await log_in(owner, acme.email) == 200

        tries = [await log_in(owner, acme.email, "wrong") for _ in range(25)]

        assert tries == [401] * 20 + [429] * 5

    async def test_resets_that_others_ask_for_do_not_keep_the_owner_from_one(
        self, client_at, acme, run_jobs, mails_to
    ):
        owner, attacker = client_at(OWNER), client_at(ATTACKER)
        assert await log_in(owner, acme.email) == 200
        for _ in range(10):
            await attacker.post(f"{AUTH}/forgot-password", json={"email": acme.email})
        await run_jobs()
        before = len(mails_to(acme.email))
        assert before <= 3

        answer = await owner.post(f"{AUTH}/forgot-password", json={"email": acme.email})
        await run_jobs()

        assert answer.status_code == 202
        assert len(mails_to(acme.email)) == before + 1

    async def test_wrong_codes_of_somebody_elses_registration_are_not_the_victims(
        self, client_at, run_jobs, mails_to
    ):
        address = somebody()
        body = {"email": address, "password": PASSWORD, "accountType": "user"}
        attacker, victim = client_at(ATTACKER), client_at(OWNER)
        for _ in range(5):
            token = (await attacker.post(f"{AUTH}/register", json=body)).json()["registrationToken"]
            for _ in range(6):
                await attacker.post(
                    f"{AUTH}/verify-email", json={"registrationToken": token, "code": "000000"}
                )

        token = (await victim.post(f"{AUTH}/register", json=body)).json()["registrationToken"]
        await run_jobs()
        code = mails_to(address)[-1].get_content().split()[4]
        answer = await victim.post(f"{AUTH}/verify-email", json={"registrationToken": token, "code": code})

        assert answer.status_code == 200


class TestHashing:
    """The queue of what hashes passwords: bounded, and open to those who do not flood."""

    @pytest.fixture
    def slow(self, passwords, monkeypatch):
        """Hash as long as it takes until it is let go."""
        gate = asyncio.Event()

        async def slowly(*_arguments):
            await gate.wait()
            return "hashed"

        monkeypatch.setattr("jazzaam.control.password_hashing.asyncio.to_thread", slowly)
        return Passwords(passwords._hasher), gate

    async def test_a_network_has_so_many_places_and_others_have_the_rest(self, slow):
        hashing, gate = slow
        flood = [asyncio.create_task(hashing.hash("x", ATTACKER)) for _ in range(150)]
        await asyncio.sleep(0)

        refused = [task for task in flood if task.done()]
        right = asyncio.create_task(hashing.hash("x", OWNER))
        await asyncio.sleep(0)

        assert len(refused) == 142
        assert all(isinstance(task.exception(), SignInBusy) for task in refused)
        assert not right.done()
        gate.set()
        assert await right == "hashed"
        assert [await task for task in flood if task not in refused] == ["hashed"] * 8

    async def test_many_networks_together_have_an_end_too(self, slow):
        hashing, gate = slow
        flood = [asyncio.create_task(hashing.hash("x", str(number // 4))) for number in range(150)]
        await asyncio.sleep(0)

        refused = [task for task in flood if task.done()]
        assert len(refused) == 150 - 66
        assert {type(task.exception()) for task in refused} == {SignInBusy}
        gate.set()
        await asyncio.gather(*flood, return_exceptions=True)

        assert hashing._waiting.total() == 0
        assert not hashing._waiting

    async def test_who_signs_in_is_told_to_wait_before_anything_is_hashed(
        self, client_at, acme, application, monkeypatch
    ):
        busy = client_at(ATTACKER)
        application.control.passwords._waiting[ATTACKER] = 8
        try:
            refused = await busy.post(f"{AUTH}/login", json={"email": acme.email, "password": "x"})
            elsewhere = await log_in(client_at(OTHER), acme.email)
        finally:
            del application.control.passwords._waiting[ATTACKER]

        assert (refused.status_code, elsewhere) == (429, 200)
        assert refused.json()["type"] == "/problems/SignInBusy"
        assert refused.headers["retry-after"] == "1"
