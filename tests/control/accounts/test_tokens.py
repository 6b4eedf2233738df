from datetime import UTC, datetime, timedelta

import jwt
import pytest
from bson import ObjectId

from jazzaam.control.accounts.errors import TokenRefused
from jazzaam.control.accounts.models import Session
from jazzaam.control.accounts.tokens import (
    AccessTokens,
    read_refresh_token,
    write_access_token,
    write_refresh_token,
)
from jazzaam.signing import Keyring

OLD, NEW = "o" * 32, "n" * 32


def now():
    return datetime.now(UTC)


@pytest.fixture
def session():
    return Session(ObjectId(), ObjectId(), ObjectId(), ObjectId(), 3, 7, b"seed")


def test_what_is_written_is_read(session):
    keyring = Keyring([NEW])

    access = AccessTokens(keyring).read(write_access_token(keyring, session, now()), now())
    refresh = read_refresh_token(keyring, write_refresh_token(keyring, session))

    assert access.session_id == str(session.id)
    assert access.account_id == str(session.account_id)
    assert access.company_id == str(session.company_id)
    assert access.role_version == 3
    assert (refresh.session_id, refresh.generation, refresh.seed) == (session.id, 7, b"seed")


def test_the_first_secret_signs_and_all_verify(session):
    before, after = Keyring([OLD]), Keyring([NEW, OLD])

    assert AccessTokens(after).read(write_access_token(before, session, now()), now()).role_version == 3
    assert read_refresh_token(after, write_refresh_token(before, session)).generation == 7
    with pytest.raises(TokenRefused):
        AccessTokens(before).read(write_access_token(after, session, now()), now())
    with pytest.raises(TokenRefused):
        read_refresh_token(before, write_refresh_token(after, session))


def test_a_token_ends(session):
    keyring = Keyring([NEW])

    with pytest.raises(TokenRefused):
        AccessTokens(keyring).read(
            write_access_token(keyring, session, now() - timedelta(minutes=16)), now()
        )


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "somebody"},
        {"aud": "else"},
        {"exp": None},
        {"sid": None},
    ],
)
def test_a_token_that_says_less_or_other_is_refused(session, change):
    keyring = Keyring([NEW])
    token = write_access_token(keyring, session, now())
    claims = jwt.decode(token, options={"verify_signature": False})
    claims = {name: value for name, value in {**claims, **change}.items() if value is not None}
    header = {"kid": keyring.current_id, "typ": "at+jwt"}

    forged = jwt.encode(claims, keyring.key("access token"), "HS256", header)

    with pytest.raises(TokenRefused):
        AccessTokens(keyring).read(forged, now())


def test_neither_no_signature_nor_another_type_is_taken(session):
    """Tokens named neither kind, issuer nor audience (S-45)."""
    keyring = Keyring([NEW])
    claims = jwt.decode(write_access_token(keyring, session, now()), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, "none", {"kid": keyring.current_id, "typ": "at+jwt"})
    other = jwt.encode(claims, keyring.key("access token"), "HS256", {"kid": keyring.current_id})

    for forged in (unsigned, other, "", "a.b.c"):
        with pytest.raises(TokenRefused):
            AccessTokens(keyring).read(forged, now())
