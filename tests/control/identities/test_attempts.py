import dataclasses
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from jazzaam.control.identities.attempts import begin_attempt, read_attempt
from jazzaam.control.identities.models import Provider
from jazzaam.signing import Keyring

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYRING = Keyring(["a secret of thirty-two bytes or more"])


def test_an_attempt_is_its_browsers_alone():
    cookie, attempt = begin_attempt(KEYRING, Provider.google, NOW)
    _, other = begin_attempt(KEYRING, Provider.google, NOW)

    assert read_attempt(KEYRING, cookie, Provider.google, NOW) == attempt
    parts = dataclasses.astuple(attempt)
    assert len(set(parts)) == 3
    assert not set(parts) & set(dataclasses.astuple(other))
    assert all(43 <= len(part) <= 128 for part in parts)  # RFC 7636, 4.1
    assert not any(part in cookie for part in parts)


def test_it_ends_and_is_for_one_provider_and_cannot_be_made_up():
    cookie, _ = begin_attempt(KEYRING, Provider.google, NOW)
    stranger = Keyring(["another secret of thirty-two bytes or more"])

    assert read_attempt(KEYRING, cookie, Provider.google, NOW + timedelta(minutes=10)) is None
    assert read_attempt(KEYRING, cookie, Provider.zoho, NOW) is None
    assert read_attempt(stranger, cookie, Provider.google, NOW) is None
    assert read_attempt(KEYRING, cookie[:-1], Provider.google, NOW) is None


@pytest.mark.parametrize("step", ["authorize", "callback?code=c&state=s"])
async def test_a_provider_that_is_not_configured_is_none(client, step):
    answer = await client.get(f"/api/v1/auth/google/{step}")

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.json()["type"] == "/problems/ProviderUnknown"


async def test_a_provider_that_nobody_knows_is_named(client):
    assert (await client.get("/api/v1/auth/facebook/authorize")).status_code == 422


async def test_a_second_factor_needs_a_token_of_ours(client):
    answer = await client.post("/api/v1/auth/second-factor", json={"signInToken": "x", "code": "000000"})

    assert answer.json()["type"] == "/problems/IdentityRefused"
