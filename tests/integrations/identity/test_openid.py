"""What an ID token must be (OpenID Connect Core 3.1.3.7), with tokens that the test signs."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode

import pytest
from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from jazzaam.integrations.identity import IdentityRefused
from jazzaam.integrations.identity.openid import OpenIdSettings, identity_of, read_id_token

SETTINGS = OpenIdSettings("https://id.example", "our-client", "s" * 32, "https://crm.example/callback")
KEY = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "two"}, private=True)
KEYS = KeySet([KEY]).as_dict(private=False)
NOW = int(time.time())
CLAIMS = {
    "iss": "https://id.example",
    "sub": "somebody",
    "aud": "our-client",
    "iat": NOW,
    "exp": NOW + 86_400,
    "nonce": "the nonce",
    "email": "ada@example.com",
    "email_verified": True,
}


def signed(claims, key=KEY, alg="RS256", **header):
    named = {"alg": alg, "kid": key.kid, **header}
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    return {"id_token": jwt.encode(named, claims, key, registry=registry)}


def read(tokens, nonce="the nonce", keys=KEYS):
    return read_id_token(tokens, keys, SETTINGS, nonce)


def test_a_good_one_says_who_it_is():
    identity = identity_of(SETTINGS.issuer, read(signed(CLAIMS)))

    assert (identity.issuer, identity.subject) == ("https://id.example", "somebody")
    assert identity.email == "ada@example.com"
    assert read(signed({**CLAIMS, "aud": ["our-client"]}))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"},
        {"aud": "somebody-else"},
        {"aud": ["our-client", "somebody-else"]},  # without azp
        {"aud": ["our-client", "somebody-else"], "azp": "somebody-else"},
        {"exp": NOW - 3600},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ""},
        {"nonce_supported": False, "nonce": None},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        *({name: ...} for name in ("iss", "sub", "aud", "exp", "iat", "nonce")),
    ],
)
def test_one_that_is_not_for_us_now_is_refused(change):
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not ...}

    with pytest.raises(IdentityRefused):
        read({**signed(claims), "access_token": "the access token"})


def test_one_that_somebody_else_signed_is_refused():
    with pytest.raises(InvalidKeyIdError):
        read(signed(CLAIMS, OTHER))
    with pytest.raises(IdentityRefused):
        read(signed(CLAIMS, OTHER, kid="one"))


def test_one_that_a_shared_secret_signed_is_refused():
    key = OctKey.import_key(SETTINGS.client_secret, {"kid": "one"})

    with pytest.raises(IdentityRefused):
        read(signed(CLAIMS, key, "HS256"))


def test_one_that_nobody_signed_is_refused():
    _, payload, _ = signed(CLAIMS)["id_token"].split(".")
    header = urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()

    for signature in ("", "AAAA"):
        with pytest.raises(IdentityRefused):
            read({"id_token": f"{header}.{payload}.{signature}"})


@pytest.mark.parametrize("tokens", [{}, {"id_token": None}, {"id_token": "x"}, {"id_token": ["a"]}])
def test_what_is_no_token_is_refused(tokens):
    with pytest.raises(IdentityRefused):
        read(tokens)


def test_an_elliptic_curve_will_do():
    key = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)

    assert read(signed(CLAIMS, key, "ES256"), keys=KeySet([key]).as_dict(private=False))


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email_verified": True}, "ada@example.com"),
        ({"email_verified": False}, None),
        ({"email_verified": "true"}, None),
        ({"email_verified": 1}, None),
        ({"email": {"$gt": ""}, "email_verified": True}, None),
        ({}, None),
    ],
)
def test_only_an_address_that_the_provider_verified_counts(claims, email):
    known = {"sub": "somebody", "email": "ada@example.com", **claims}

    assert identity_of("https://id.example", known).email == email


@pytest.mark.parametrize("subject", [None, "", 7, ["x"], {"$gt": ""}, "x" * 256])
def test_a_subject_is_a_text(subject):
    with pytest.raises(IdentityRefused):
        identity_of("https://id.example", {"sub": subject})
