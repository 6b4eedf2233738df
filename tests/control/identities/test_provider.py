"""Signing in through a real OpenID Connect provider, as a browser does it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pyotp
import pytest
from bson import ObjectId
from tests.conftest import PASSWORD
from tests.processes import accepts, free_port, until

from jazzaam.composition import compose
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.api_keys.models import API_KEYS
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.identities.models import IDENTITIES
from jazzaam.main import create_app
from jazzaam.tenancy.models import TenantId

HERE = Path(__file__).parents[2] / "oidc"
NPM, NODE = shutil.which("npm"), shutil.which("node")
GOOGLE = "/api/v1/auth/google"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The provider's packages, as their lock file says."""
    assert NPM, "apt install npm"
    assert NODE, "apt install nodejs"
    folder = tmp_path_factory.mktemp("oidc")
    for name in ("package.json", "package-lock.json", "provider.js"):
        shutil.copy(HERE / name, folder)
    subprocess.run(
        [NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, timeout=300
    )
    return folder


@pytest.fixture(scope="module", params=["userinfo", "id_token"])
def issuer(request, packages):
    """A provider process; it gives the address in the ID token, or when it is asked for more."""
    port = free_port()
    callbacks = ["http://test/api/v1/auth/google/callback", "http://test/api/v1/auth/zoho/callback"]
    with (packages / f"{request.param}.log").open("wb") as log:
        process = subprocess.Popen(
            [NODE, "provider.js", str(port), *callbacks],
            cwd=packages,
            stdout=log,
            stderr=log,
            env={**os.environ, "CLAIMS_IN": request.param, "NODE_NO_WARNINGS": "1"},
        )
    try:
        until(lambda: accepts(port), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
async def browser(app, settings, passwords, issuer, secrets_made):
    """A browser at an application that knows the provider, as Google and as Zoho."""
    client_id, secret = "jazzaam", "jazzaam-secret-of-thirty-two-characters"
    configured = settings.model_validate(
        {
            **settings.model_dump(),
            "google_client_id": client_id,
            "google_client_secret": secret,
            "google_issuer": issuer,
            "zoho_client_id": client_id,
            "zoho_client_secret": secret,
            "zoho_issuer": issuer,
            "egress_networks": "127.0.0.0/8",
        }
    )
    application = compose(configured, passwords=passwords)
    made = create_app(application)
    async with made.router.lifespan_context(made):
        transport = httpx2.ASGITransport(app=made, client=("127.0.0.1", 1234))
        async with (
            httpx2.AsyncClient(
                transport=transport, base_url="http://test", event_hooks={"response": [secrets_made.see]}
            ) as ours,
            httpx2.AsyncClient() as theirs,
        ):
            yield Browser(ours, theirs, issuer)


class Browser:
    """One person's: cookies of ours and of the provider's."""

    def __init__(self, ours, theirs, issuer):
        self.ours = ours
        self.theirs = theirs
        self.issuer = issuer

    async def known(self, subject=None, **claims):
        """Let the provider know somebody; gives their subject."""
        subject = subject or f"subject-{ObjectId()}"
        claims = {"email_verified": True, "name": "Ada Lovelace", **claims}
        await self.theirs.put(f"{self.issuer}/users/{subject}", json=claims)
        return subject

    async def sent_back(self, subject, at=GOOGLE):
        """Go to the provider and through it; gives the address it sends the browser back to."""
        answer = await self.ours.get(f"{at}/authorize")
        assert answer.status_code == 302, answer.text
        place = answer.headers["location"]
        self.theirs.cookies.clear()
        for _ in range(10):
            if not place.startswith(self.issuer):
                return place.removeprefix("http://test")
            answer = await self.theirs.get(place, headers={"x-user": subject})
            assert answer.status_code in (302, 303), answer.text
            place = str(httpx2.URL(place).join(answer.headers["location"]))
        raise AssertionError("it goes on without end")

    async def sign_in(self, subject, at=GOOGLE):
        return await self.ours.get(await self.sent_back(subject, at))

    async def me(self, answer):
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
        return (await self.ours.get("/api/v1/me", headers=headers)).json(), headers


def an_address():
    return f"ada-{ObjectId()}@example.com"


async def test_what_the_browser_is_sent_with(browser):
    answer = await browser.ours.get(f"{GOOGLE}/authorize")

    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid email profile"]
    assert asked["nonce"] != asked["state"]
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/api/v1/auth/google"))


async def test_who_has_no_account_gets_one_and_comes_back_to_it(browser):
    email = an_address()
    subject = await browser.known(email=email.upper())

    first, _ = await browser.me(await browser.sign_in(subject))
    second, _ = await browser.me(await browser.sign_in(subject))

    assert first["email"] == email
    assert (first["fullName"], first["hasPassword"], first["company"]) == ("Ada Lovelace", False, None)
    assert first["id"] == second["id"]


async def test_they_are_known_by_their_subject_not_by_their_address(browser):
    subject = await browser.known(email=an_address())
    first, _ = await browser.me(await browser.sign_in(subject))

    await browser.known(subject, email=an_address(), email_verified=False)
    again, _ = await browser.me(await browser.sign_in(subject))

    assert again["id"] == first["id"]
    assert again["email"] == first["email"]


async def test_somebody_elses_address_that_the_provider_did_not_verify_opens_nothing(browser, make_company):
    """The original took the address's word for it."""
    victim = await make_company("Victim")
    subject = await browser.known(email=victim.email, email_verified=False)

    answer = await browser.sign_in(subject)

    assert answer.json()["type"] == "/problems/AddressNotVouched"
    assert (await browser.sign_in(await browser.known())).status_code == 403


async def test_an_account_of_a_verified_address_is_linked_and_its_owner_told(
    browser, make_company, run_jobs, mails_to
):
    acme = await make_company("Acme")

    me, headers = await browser.me(await browser.sign_in(await browser.known(email=acme.email)))
    await run_jobs()

    assert me["id"] == acme.id
    assert me["company"]["id"] == acme.id
    assert mails_to(acme.email)[-1]["Subject"] == "Jazzaam: Another way to sign in"
    still = await browser.ours.post("/api/v1/auth/login", json={"email": acme.email, "password": PASSWORD})
    assert still.status_code == 200, "a verified account keeps its password"
    listed = (await browser.ours.get("/api/v1/me/identities", headers=headers)).json()["items"]
    assert [(one["provider"], one["email"]) for one in listed] == [("google", acme.email)]


async def test_linking_to_an_account_nobody_had_verified_takes_away_every_other_way_in(
    browser, make_company, plane
):
    """Somebody may have made it to wait for the address's owner: password, sessions, factor and keys go."""
    acme = await make_company("Acme")
    row = {"_id": ObjectId(acme.id)}
    factor = {"confirmed": True, "secret": "s", "lastStep": 0, "recovery": []}
    await plane.db.raw[COMPANIES.name].update_one(
        row, {"$set": {"emailVerified": False, "secondFactor": factor}}
    )
    await plane.db.raw[API_KEYS.name].insert_one(
        {"companyId": row["_id"], "createdBy": row["_id"], "hash": ObjectId().binary, "scopes": []}
    )

    me, _ = await browser.me(await browser.sign_in(await browser.known(email=acme.email)))

    assert (me["id"], me["hasPassword"], me["hasSecondFactor"]) == (acme.id, False, False)
    login = {"email": acme.email, "password": PASSWORD}
    assert (await browser.ours.post("/api/v1/auth/login", json=login)).status_code == 401
    assert await plane.db.raw[API_KEYS.name].count_documents({"createdBy": row["_id"]}) == 0
    async with asyncio.timeout(1):
        while (await browser.ours.get("/api/v1/me", headers=acme.headers)).status_code != 401:
            await asyncio.sleep(0.01)
    refreshed = await browser.ours.post("/api/v1/auth/refresh", json={"refreshToken": acme.refresh_token})
    assert refreshed.status_code == 401


async def test_a_registration_that_waits_for_its_code_is_void(browser):
    email = an_address()
    registered = await browser.ours.post(
        "/api/v1/auth/register",
        json={
            "email": email,
            "password": "a password of the attacker",
            "accountType": "company",
            "companyName": "Mallory",
        },
    )
    me, _ = await browser.me(await browser.sign_in(await browser.known(email=email)))

    assert me["hasPassword"] is False
    verified = await browser.ours.post(
        "/api/v1/auth/verify-email",
        json={"registrationToken": registered.json()["registrationToken"], "code": "000000"},
    )
    assert verified.status_code == 422
    login = {"email": email, "password": "a password of the attacker"}
    assert (await browser.ours.post("/api/v1/auth/login", json=login)).status_code == 401


async def test_a_second_factor_is_still_asked_for(browser, make_company, plane):
    acme = await make_company("Acme")
    begun = await browser.ours.post("/api/v1/auth/totp", json={"password": PASSWORD}, headers=acme.headers)
    confirmed = await browser.ours.post(
        "/api/v1/auth/totp/confirm",
        json={"code": pyotp.TOTP(begun.json()["secret"]).now()},
        headers=acme.headers,
    )
    recovery = confirmed.json()["recoveryCodes"][0]
    subject = await browser.known(email=acme.email)

    answer = await browser.sign_in(subject)

    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/SecondFactorNext"
    entry = {"signInToken": answer.json()["signInToken"]}
    path = "/api/v1/auth/second-factor"
    wrong = await browser.ours.post(path, json={**entry, "code": "000000"})
    assert wrong.json()["type"] == "/problems/WrongCredentials"
    assert await plane.db.raw[IDENTITIES.name].count_documents({"subject": subject}) == 0
    me, _ = await browser.me(await browser.ours.post(path, json={**entry, "code": recovery}))
    assert me["id"] == acme.id
    again = await browser.ours.post(path, json={**entry, "code": recovery})
    assert again.status_code == 401, "a recovery code is good once"


async def test_who_is_not_active_any_more_does_not_come_in(browser, plane):
    subject = await browser.known(email=an_address())
    me, _ = await browser.me(await browser.sign_in(subject))
    row = {"_id": ObjectId(me["id"])}
    await plane.db.raw[COMPANIES.name].update_one(row, {"$set": {"isActive": False}})

    assert (await browser.sign_in(subject)).status_code == 401


async def test_an_answer_counts_once_in_the_browser_that_asked(browser):
    """There was no state: somebody could be signed in to another's account (S-44)."""
    subject = await browser.known(email=an_address())
    place = await browser.sent_back(subject)
    other = httpx2.AsyncClient(transport=browser.ours._transport, base_url="http://test")
    forged = str(httpx2.URL(f"http://test{place}").copy_set_param("state", "x" * 43))

    assert (await other.get(place)).json()["type"] == "/problems/IdentityRefused"
    await other.get(f"{GOOGLE}/authorize")
    assert (await other.get(place)).status_code == 401, "another attempt's cookie"
    assert (await browser.ours.get(forged)).status_code == 401
    zoho = place.replace("/google/", "/zoho/")
    assert (await browser.ours.get(zoho)).status_code == 401
    place = await browser.sent_back(subject)
    assert (await browser.ours.get(place)).status_code == 200
    assert (await browser.ours.get(place)).status_code == 401


async def test_another_providers_answer_is_refused(browser):
    """RFC 9207: the answer names its issuer, and this provider says that it always does."""
    place = httpx2.URL(f"http://test{await browser.sent_back(await browser.known(email=an_address()))}")
    assert place.params["iss"] == browser.issuer

    elsewhere = place.copy_set_param("iss", "https://id.example")
    assert (await browser.ours.get(str(elsewhere))).status_code == 401
    without = place.copy_remove_param("iss")
    assert (await browser.ours.get(str(without))).status_code == 401


async def test_somebody_who_says_no_is_told_so(browser):
    place = await browser.sent_back("nobody")

    assert "error=access_denied" in place
    assert (await browser.ours.get(place)).json()["type"] == "/problems/IdentityRefused"


async def test_one_person_at_two_providers_is_one_account(browser, make_company, plane):
    acme = await make_company("Acme")
    zoho = {"issuer": "https://zoho.example", "subject": str(ObjectId()), "provider": "zoho"}
    row = {"_id": ObjectId(), "accountId": ObjectId(acme.id), "createdAt": plane.clock.now(), **zoho}
    await plane.db[IDENTITIES].insert(row)

    me, headers = await browser.me(await browser.sign_in(await browser.known(email=acme.email)))

    assert me["id"] == acme.id
    listed = (await browser.ours.get("/api/v1/me/identities", headers=headers)).json()["items"]
    assert [one["provider"] for one in listed] == ["zoho", "google"]


async def test_who_got_somebodys_address_later_is_not_them(browser):
    """A provider gives an address to another person, never a subject."""
    email = an_address()
    await browser.me(await browser.sign_in(await browser.known(email=email)))

    answer = await browser.sign_in(await browser.known(email=email))

    assert answer.json()["type"] == "/problems/IdentityRefused"


async def test_a_way_in_is_taken_away_but_not_the_last(browser, make_company):
    _, headers = await browser.me(await browser.sign_in(await browser.known(email=an_address())))
    path = "/api/v1/me/identities"
    [only] = (await browser.ours.get(path, headers=headers)).json()["items"]
    other = await make_company("Other")

    last = await browser.ours.delete(f"{path}/{only['id']}", headers=headers)
    foreign = await browser.ours.delete(f"{path}/{only['id']}", headers=other.headers)

    assert last.json()["type"] == "/problems/LastWayIn"
    assert foreign.json()["type"] == "/problems/IdentityNotFound"
    subject = await browser.known(email=other.email)
    _, headers = await browser.me(await browser.sign_in(subject))
    [theirs] = (await browser.ours.get(path, headers=headers)).json()["items"]
    assert (await browser.ours.delete(f"{path}/{theirs['id']}", headers=headers)).status_code == 204
    assert (await browser.ours.get(path, headers=headers)).json()["items"] == []


async def test_an_erased_accounts_identities_go_with_it(browser, make_company, application, plane):
    acme = await make_company("Acme")
    subject = await browser.known(email=acme.email)
    await browser.sign_in(subject)
    erasure = application.deployment.erasure

    await erasure.suspend(TenantId(acme.id))
    await erasure.erase(TenantId(acme.id), plane.clock.now)

    assert await plane.db.raw[IDENTITIES.name].count_documents({"subject": subject}) == 0
    assert await AccountRepository(plane.db).by_email(acme.email) is None
