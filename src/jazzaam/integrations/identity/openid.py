"""An OpenID Connect provider: code with PKCE, state and nonce (Core 1.0, RFC 7636, RFC 9207)."""

import hmac
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from jazzaam.integrations.egress import Egress, OutsideUnavailable
from jazzaam.integrations.identity import Attempt, Identity, IdentityRefused
from jazzaam.logging import get_logger

log = get_logger(__name__)

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures that only the provider can make: neither `none`, nor one that our own secret makes."""
_SCOPE: Final = "openid email profile"
_LEEWAY_SECONDS: Final = 60
_KNOWN_SECONDS: Final = 3600
_LONGEST: Final = 255
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """A provider's issuer, what it knows us as, and where it sends browsers back to."""

    issuer: str
    client_id: str
    client_secret: str
    callback: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What a provider says of itself, and until when it is believed."""

    metadata: Mapping[str, Any]
    keys: Mapping[str, Any]
    until: float


class OpenIdProvider:
    """One provider. What it says of itself is kept for an hour; a key it did not name is asked for once."""

    def __init__(self, settings: OpenIdSettings, egress: Egress) -> None:
        self._settings = settings
        self._egress = egress
        self._known: _Known | None = None

    async def address(self, attempt: Attempt) -> str:
        """Give the address to which a browser is sent; raises `OutsideUnavailable`."""
        async with self._client() as client:
            known = await self._about(client)
            url, _ = client.create_authorization_url(
                known.metadata["authorization_endpoint"],
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
            )
        return str(url)

    async def identity(self, attempt: Attempt, code: str, issuer: str | None) -> Identity:
        """Exchange a code; raises `IdentityRefused`, `OutsideUnavailable`."""
        async with self._client() as client:
            known = await self._about(client)
            _require_issuer(known.metadata, issuer)
            tokens = await client.fetch_token(
                known.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.verifier,
            )
            claims = await self._claims(client, known, tokens, attempt.nonce)
            if "email" not in claims and "userinfo_endpoint" in known.metadata:
                claims = {**await self._userinfo(client, known, claims), **claims}
        return identity_of(self._settings.issuer, claims)

    async def _claims(
        self, client: Any, known: _Known, tokens: Mapping[str, Any], nonce: str
    ) -> Mapping[str, Any]:
        try:
            return read_id_token(tokens, known.keys, self._settings, nonce)
        except InvalidKeyIdError:
            self._known = None  # it may have new keys
            known = await self._about(client)
            try:
                return read_id_token(tokens, known.keys, self._settings, nonce)
            except InvalidKeyIdError:
                raise IdentityRefused from None

    async def _userinfo(self, client: Any, known: _Known, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask what the ID token left out; it is about the same subject, or it is nothing."""
        answer = await client.get(known.metadata["userinfo_endpoint"])
        told = _object(answer)
        if told.get("sub") != claims["sub"]:
            raise IdentityRefused
        return {name: told[name] for name in ("email", "email_verified", "name") if name in told}

    async def _about(self, client: Any) -> _Known:
        """Read what the provider says of itself; raises `OutsideUnavailable` when it is not the issuer."""
        if self._known is None or self._known.until < time.monotonic():
            issuer = self._settings.issuer
            place = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            metadata = _object(await client.request("GET", place, withhold_token=True))
            if metadata.get("issuer") != issuer:
                log.error("identity.other_issuer", issuer=issuer)
                raise OutsideUnavailable
            if not all(_is_address(metadata.get(name)) for name in _ENDPOINTS):
                log.error("identity.no_endpoints", issuer=issuer)
                raise OutsideUnavailable
            keys = _object(await client.request("GET", metadata["jwks_uri"], withhold_token=True))
            self._known = _Known(metadata, keys, time.monotonic() + _KNOWN_SECONDS)
        return self._known

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[Any]:
        """Give Authlib's client, which has no types, for one attempt; its failures become ours."""
        settings = self._settings
        try:
            client: Any = AsyncOAuth2Client(
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                scope=_SCOPE,
                redirect_uri=settings.callback,
                code_challenge_method="S256",
                transport=_Lent(self._egress),
                trust_env=False,
                follow_redirects=False,
            )
            async with client:
                yield client
        except OAuthError as error:
            log.warning("identity.refused", issuer=settings.issuer, error=str(error.error))
            raise IdentityRefused from None
        except (httpx2.HTTPError, httpx2.InvalidURL, KeyError, TypeError, ValueError) as error:
            log.warning("identity.unavailable", issuer=settings.issuer, error=type(error).__name__)
            raise OutsideUnavailable from None


class _Lent(httpx2.AsyncBaseTransport):
    """A transport that outlives the client it is lent to."""

    def __init__(self, egress: Egress) -> None:
        self.handle_async_request = egress.handle_async_request


def _require_issuer(metadata: Mapping[str, Any], issuer: str | None) -> None:
    """Refuse an answer of another provider than was asked (RFC 9207)."""
    promised = metadata.get("authorization_response_iss_parameter_supported") is True
    if (issuer is None and promised) or (issuer is not None and issuer != metadata["issuer"]):
        raise IdentityRefused


def read_id_token(
    tokens: Mapping[str, Any], keys: Mapping[str, Any], settings: OpenIdSettings, nonce: str
) -> Mapping[str, Any]:
    """Verify an ID token, and give its claims (OpenID Connect Core 3.1.3.7).

    Raises `IdentityRefused`, or `InvalidKeyIdError` for one that an unknown key signed.
    """
    try:
        token = jwt.decode(
            tokens["id_token"],
            KeySet.import_key_set(cast("Any", keys)),
            registry=JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False),
        )
        claims: Any = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": settings.issuer},
                "aud": {"essential": True, "value": settings.client_id},
                "nonce": {"essential": True, "value": nonce},
            },
            {"client_id": settings.client_id, "access_token": tokens.get("access_token"), "nonce": nonce},
        )
        claims.validate(leeway=_LEEWAY_SECONDS)
    except InvalidKeyIdError:
        raise
    except (JoseError, KeyError, TypeError, ValueError) as error:
        log.warning("identity.token_refused", issuer=settings.issuer, error=type(error).__name__)
        raise IdentityRefused from None
    if not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
        raise IdentityRefused
    return dict(claims)


def identity_of(issuer: str, claims: Mapping[str, Any]) -> Identity:
    """Give who verified claims are about; raises `IdentityRefused` for a subject that is none."""
    subject, email, name = claims.get("sub"), claims.get("email"), claims.get("name")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST:
        raise IdentityRefused
    verified = claims.get("email_verified") is True and isinstance(email, str)
    return Identity(
        issuer=issuer,
        subject=subject,
        email=email if verified else None,
        name=name[:100] if isinstance(name, str) else "",
    )


def _is_address(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _object(answer: httpx2.Response) -> dict[str, Any]:
    """Read a JSON object; raises `httpx2.HTTPError` or `ValueError` for anything else."""
    answer.raise_for_status()
    found: object = answer.json()
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - what was sent has the wrong value
    return cast("dict[str, Any]", found)
