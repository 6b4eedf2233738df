"""The rules of signing in with a provider."""

import hmac
from dataclasses import dataclass

from bson import ObjectId

from jazzaam.control.accounts.errors import AccountExists, SecondFactorNext
from jazzaam.control.accounts.models import AccountType, Principal, Session
from jazzaam.control.accounts.opening import TokenPair, tokens_of, write_session
from jazzaam.control.accounts.repository import Account, AccountRepository
from jazzaam.control.accounts.schemas import normalised
from jazzaam.control.api_keys.repository import remove_keys_made_by
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.identities.attempts import begin_attempt, read_attempt, read_waiting, write_waiting
from jazzaam.control.identities.errors import (
    AddressNotVouched,
    IdentityNotFound,
    LastWayIn,
    ProviderUnknown,
)
from jazzaam.control.identities.events import IdentityLinked
from jazzaam.control.identities.models import Provider
from jazzaam.control.identities.repository import IdentityRepository
from jazzaam.control.memberships.models import Actor, ActorKind
from jazzaam.control.memberships.repository import memberships_of
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.repository import RegistrationRepository
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.control.sign_in.service import refuse, require_second_factor
from jazzaam.integrations.identity import Identity, IdentityProvider, IdentityRefused
from jazzaam.tenancy.database import Document


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider sends a browser back with."""

    state: str
    code: str
    issuer: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    """Whose an identity is, if anybody's; `linked` tells that it was known already."""

    account: Account | None
    linked: bool

    @property
    def takes_over(self) -> bool:
        """Whether it takes an account over whose address nobody had proved."""
        return self.account is not None and not self.linked and not self.account.email_verified


async def begin(plane: ControlPlane, name: Provider) -> tuple[str, str]:
    """Begin an attempt; gives the provider's address, and the cookie that makes the browser the only one.

    Raises `ProviderUnknown`, `OutsideUnavailable`.
    """
    provider = _provider(plane, name)
    cookie, attempt = begin_attempt(plane.services.keyring, name, plane.clock.now())
    return await provider.address(attempt), cookie


async def finish(plane: ControlPlane, name: Provider, cookie: str | None, answer: Answer) -> TokenPair:
    """Sign in whom the provider vouches for, and make their account if they have none.

    Raises `ProviderUnknown`, `IdentityRefused`, `AddressNotVouched`, `SecondFactorNext`,
    `WrongCredentials`, `OutsideUnavailable`.
    """
    provider, keyring, now = _provider(plane, name), plane.services.keyring, plane.clock.now()
    attempt = read_attempt(keyring, cookie, name, now) if cookie else None
    if attempt is None or not hmac.compare_digest(attempt.state.encode(), answer.state.encode()):
        raise IdentityRefused
    identity = _with_our_address(await provider.identity(attempt, answer.code, answer.issuer))
    found = await _found(plane, identity)
    account = found.account
    if account is not None and account.second_factor is not None and not found.takes_over:
        raise SecondFactorNext(write_waiting(keyring, account.id, name, identity, now))
    return await _enter(plane, name, identity, found)


async def finish_with_code(plane: ControlPlane, token: str, code: str) -> TokenPair:
    """Sign in with the second factor that was missing; raises `IdentityRefused`, `WrongCredentials`."""
    waiting = read_waiting(plane.services.keyring, token, plane.clock.now())
    if waiting is None:
        raise IdentityRefused
    account_id, name, identity = waiting
    found = await _found(plane, identity)
    if found.account is None or found.account.id != account_id or found.takes_over:
        raise IdentityRefused
    await require_second_factor(plane, found.account, code)
    return await _enter(plane, name, identity, found)


def account_waiting(plane: ControlPlane, token: str) -> str | None:
    """Say whose second factor a token waits for; None for a token that is none."""
    waiting = read_waiting(plane.services.keyring, token, plane.clock.now())
    return str(waiting[0]) if waiting else None


async def identities(plane: ControlPlane, principal: Principal) -> list[Document]:
    """List what the account can be signed in to with."""
    return await IdentityRepository(plane.db).of_account(principal.account_id)


async def remove(plane: ControlPlane, principal: Principal, identity_id: ObjectId) -> None:
    """Sign in with an identity no more; raises `IdentityNotFound`, `LastWayIn`."""

    async def work() -> None:
        rows = IdentityRepository(plane.db)
        accounts = AccountRepository(plane.db)
        await accounts.touch(principal.account_id, plane.clock.now())
        account = await accounts.get(principal.account_id)
        if not await rows.remove(principal.account_id, identity_id):
            raise IdentityNotFound
        has_password = account is not None and account.password_hash is not None
        if not has_password and not await rows.of_account(principal.account_id):
            raise LastWayIn
        _tell(plane, principal.actor, principal.account_id, Action.delete)

    await plane.change(work)


async def _found(plane: ControlPlane, identity: Identity) -> _Found:
    """Find whose an identity is, or will be: its account, or that of the address it vouches for.

    An account that somebody else of the same provider has is not linked: addresses are given to others,
    subjects never. Raises `AddressNotVouched`, `IdentityRefused` for an account that is gone or another's,
    `WrongCredentials` for one that is not active.
    """
    accounts, rows = AccountRepository(plane.db), IdentityRepository(plane.db)
    account_id = await rows.account_of(identity)
    if account_id is None and identity.email is None:
        raise AddressNotVouched
    account = (
        await accounts.get(account_id) if account_id else await accounts.by_email(identity.email or "")
    )
    if account_id is not None and account is None:
        raise IdentityRefused
    if account is not None and not account.is_active:
        await refuse(plane, account.email, account)
    if account_id is None and account is not None and await rows.has_of(account.id, identity.issuer):
        raise IdentityRefused
    return _Found(account, linked=account_id is not None)


async def _enter(plane: ControlPlane, name: Provider, identity: Identity, found: _Found) -> TokenPair:
    """Begin a session, and before it what is missing: the account, the proof of its address, the link.

    Raises `IdentityRefused` when the account is not any more what was found.
    """

    async def work() -> Session:
        account, rows = found.account, IdentityRepository(plane.db)
        if found.linked != (await rows.account_of(identity) is not None):
            raise IdentityRefused
        if account is None:
            account_id = await _new_account(plane, name, identity)
        elif await AccountRepository(plane.db).sign_in(account, plane.clock.now()):
            account_id = account.id
        else:
            raise IdentityRefused
        if found.takes_over:
            await _take_over(plane, account_id)
        if not found.linked:
            await _link(plane, name, identity, account_id, told=account is not None)
        memberships = await memberships_of(plane.db, account_id)
        return await write_session(plane, account_id, memberships[0] if memberships else None)

    try:
        return tokens_of(plane, await plane.change(work))
    except AccountExists:
        raise IdentityRefused from None  # it was made this very moment: begin again


async def _new_account(plane: ControlPlane, name: Provider, identity: Identity) -> ObjectId:
    """Make an account without a company; a registration of its address that waited is void."""
    accounts, account_id, now = AccountRepository(plane.db), ObjectId(), plane.clock.now()
    assert identity.email is not None  # noqa: S101 - `_account_of` asked for it
    await accounts.add(
        account_id,
        identity.email,
        now,
        password_hash=None,
        account_type=AccountType.user,
        provider=name,
    )
    await accounts.change_profile(account_id, {"fullName": identity.name}, now)
    await RegistrationRepository(plane.db).remove(identity.email)
    return account_id


async def _take_over(plane: ControlPlane, account_id: ObjectId) -> None:
    """Give an account whose address nobody had proved to who proves it now: nothing of before opens it."""
    await AccountRepository(plane.db).start_anew(account_id)
    await SessionRepository(plane.db).end_all(account_id)
    await IdentityRepository(plane.db).remove_all(account_id)
    await remove_keys_made_by(plane.db, account_id)


async def _link(
    plane: ControlPlane, name: Provider, identity: Identity, account_id: ObjectId, *, told: bool
) -> None:
    await IdentityRepository(plane.db).add(account_id, name, identity, plane.clock.now())
    _tell(plane, Actor(ActorKind.account, str(account_id)), account_id, Action.create)
    if told:
        plane.publish(IdentityLinked(account_id, name))


def _provider(plane: ControlPlane, name: Provider) -> IdentityProvider:
    provider = plane.services.identity_providers.get(name)
    if provider is None:
        raise ProviderUnknown
    return provider


def _with_our_address(identity: Identity) -> Identity:
    """Write the address it vouches for as ours are written; None for one that is no address."""
    email = normalised(identity.email) if identity.email is not None else None
    return Identity(identity.issuer, identity.subject, email, identity.name)


def _tell(plane: ControlPlane, by: Actor, account_id: ObjectId, action: Action) -> None:
    plane.audit(action, Resource.identity, account_id, by=by, account=account_id)
