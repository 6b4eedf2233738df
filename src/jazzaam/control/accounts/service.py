"""The rules of accounts."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bson import ObjectId

from jazzaam.control.accounts.codes import is_right
from jazzaam.control.accounts.errors import (
    AccountExists,
    EmailNotVerified,
    PasswordTooCommon,
    TokenRefused,
    WrongCode,
    WrongCredentials,
)
from jazzaam.control.accounts.events import CodeRequested
from jazzaam.control.accounts.jobs import CODE_PURPOSE
from jazzaam.control.accounts.models import CODE_LASTS, AccountType, Registration, Session
from jazzaam.control.accounts.repository import (
    Account,
    AccountRepository,
    RegistrationRepository,
    SessionRepository,
)
from jazzaam.control.accounts.tokens import (
    ACCESS_LASTS,
    read_refresh_token,
    write_access_token,
    write_refresh_token,
)
from jazzaam.control.memberships.models import Membership
from jazzaam.control.plane import ControlPlane
from jazzaam.errors import FieldError
from jazzaam.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody registers with; `email` is normalised."""

    email: str
    password: str
    account_type: AccountType
    company_name: str


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a signed-in client holds; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


async def register(plane: ControlPlane, new: NewAccount) -> str:
    """Keep a registration until its code is entered; gives the registrant's token.

    Nothing else is written, and an address that has an account takes the same steps and the same time:
    its owner is told by mail, and no code will be right. Raises `PasswordTooCommon`.
    """
    services = plane.services
    if await services.passwords.is_common(new.password, [new.email, new.company_name]):
        raise PasswordTooCommon([FieldError("/password", "common", "is easy to guess; choose another")])
    password_hash = await services.passwords.hash(new.password)
    taken = await AccountRepository(plane.db).by_email(new.email) is not None
    token, now = secrets.token_hex(32), plane.clock.now()
    registration = Registration(
        email=new.email,
        account_id=ObjectId(),
        account_type=new.account_type,
        company_name=new.company_name,
        password_hash=password_hash,
        salt=secrets.token_bytes(16),
        number=1,
        code_ends_at=now + CODE_LASTS,
        decoy=taken,
    )

    async def work() -> None:
        await RegistrationRepository(plane.db).put(registration, _hash(token), now)
        plane.publish(CodeRequested(email=new.email, number=1))

    await plane.change(work)
    return token


async def resend_code(plane: ControlPlane, registration_token: str) -> None:
    """Begin a new code for a registration; says nothing about whether there was one."""
    rows = RegistrationRepository(plane.db)
    waiting = await rows.by_token(_hash(registration_token), plane.clock.now())
    if waiting is not None:
        await _new_code(plane, waiting, None)


async def registered_address(plane: ControlPlane, registration_token: str) -> str | None:
    """Give the address a registration token belongs to."""
    waiting = await RegistrationRepository(plane.db).by_token(_hash(registration_token), plane.clock.now())
    return waiting.email if waiting else None


async def verify_email(plane: ControlPlane, registration_token: str, code: str) -> TokenPair:
    """Make the account of a registration, with its company and tenant, and sign it in.

    Raises `WrongCode`, `ClusterFull`.
    """
    keyring, now = plane.services.keyring, plane.clock.now()
    waiting = await RegistrationRepository(plane.db).spend_try(_hash(registration_token), now)
    if (
        waiting is None
        or not is_right(code, keyring.key(CODE_PURPOSE), waiting.salt, waiting.number)
        or waiting.decoy
    ):
        raise _wrong_code()
    try:
        account_id, membership = await establish(plane, waiting)
    except AccountExists:
        raise _wrong_code() from None  # the same code, entered twice at once
    session = _new_session(account_id, membership)
    await SessionRepository(plane.db).add(session, now)
    return _tokens(plane, session)


async def establish(plane: ControlPlane, registration: Registration) -> tuple[ObjectId, Membership | None]:
    """Make the account of a registration; for a company with a tenant, and the owner's membership.

    Gives the account's id. A company's is that of a tenant that was built before, and opens in the very
    transaction that writes the account: neither is ever there without the other. Raises `AccountExists`,
    `ClusterFull`.
    """
    if registration.account_type is not AccountType.company:
        await _write_account(plane, registration, registration.account_id)
        return registration.account_id, None
    provisioner = plane.services.provisioner
    claim = await provisioner.claim(plane.clock.now())
    account_id = ObjectId(claim.tenant.id)

    async def opened() -> None:
        await provisioner.activate(claim, within=plane.db)

    try:
        membership = await _write_account(plane, registration, account_id, opened)
    except BaseException:
        await provisioner.unclaim(claim)
        raise
    provisioner.opened(claim)
    return account_id, membership


async def _write_account(
    plane: ControlPlane,
    registration: Registration,
    account_id: ObjectId,
    open_tenant: Callable[[], Awaitable[None]] | None = None,
) -> Membership | None:
    now = plane.clock.now()

    async def work() -> Membership | None:
        accounts = AccountRepository(plane.db)
        await accounts.add(registration, account_id, now)
        await RegistrationRepository(plane.db).remove(registration.email)
        if open_tenant is None:
            return None
        await open_tenant()
        return await accounts.add_owner(account_id, account_id, now)

    return await plane.change(work)


async def log_in(plane: ControlPlane, email: str, password: str) -> TokenPair:
    """Sign in to the account's oldest company.

    Every failure is `WrongCredentials` and takes one verification's time, except that a right password
    for an address that waits for its code gives `EmailNotVerified` and a new code.
    """
    accounts, now = AccountRepository(plane.db), plane.clock.now()
    account = await accounts.by_email(email)
    waiting = await RegistrationRepository(plane.db).by_email(email, now) if not account else None
    stored = account.password_hash if account else waiting.password_hash if waiting else None
    verdict = await plane.services.passwords.verify(stored, password)
    if not verdict.right:
        raise WrongCredentials
    if waiting is not None:
        token = secrets.token_hex(32)
        if not await _new_code(plane, waiting, token):
            raise WrongCredentials  # the password that was right is not that of the address any more
        raise EmailNotVerified(token)
    if account is None or not account.is_active:
        raise WrongCredentials
    if verdict.better_hash is not None:
        await accounts.set_password(account.id, verdict.better_hash)
    return await _sign_in(plane, account)


async def refresh(plane: ControlPlane, refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Each is good once. One that was used before has been copied by somebody: its whole family, the
    session, ends. Raises `TokenRefused`.
    """
    claims = read_refresh_token(plane.services.keyring, refresh_token)
    sessions, now = SessionRepository(plane.db), plane.clock.now()
    row = await sessions.find(claims.session_id, now)
    if row is None or row["seed"] != claims.seed:
        raise TokenRefused
    if not await sessions.advance(claims.session_id, claims.generation, now):
        await sessions.end(claims.session_id)
        log.warning("session.reuse_detected", account=str(row["accountId"]))
        raise TokenRefused
    membership = None
    if row["membershipId"] is not None:
        membership = await sessions.membership(row["membershipId"])
        if membership is None:
            raise TokenRefused
    if not await sessions.account_is_active(row["accountId"]):
        raise TokenRefused
    session = Session(
        id=claims.session_id,
        account_id=row["accountId"],
        company_id=row["companyId"],
        membership_id=row["membershipId"],
        membership_version=membership.version if membership else 0,
        generation=claims.generation + 1,
        seed=claims.seed,
    )
    return _tokens(plane, session)


async def log_out(plane: ControlPlane, session_id: str) -> None:
    """End a session; its tokens are refused everywhere within a second."""
    await SessionRepository(plane.db).end(ObjectId(session_id))


async def _sign_in(plane: ControlPlane, account: Account) -> TokenPair:
    memberships = await AccountRepository(plane.db).memberships(account.id)
    session = _new_session(account.id, memberships[0] if memberships else None)
    await SessionRepository(plane.db).add(session, plane.clock.now())
    return _tokens(plane, session)


async def _new_code(plane: ControlPlane, waiting: Registration, new_token: str | None) -> bool:
    """Begin a new code and have it mailed; False when that registration is not there any more."""
    ends_at = plane.clock.now() + CODE_LASTS

    async def work() -> bool:
        token_hash = _hash(new_token) if new_token else None
        number = await RegistrationRepository(plane.db).next_code(waiting, ends_at, token_hash)
        if number is not None:
            plane.publish(CodeRequested(email=waiting.email, number=number))
        return number is not None

    return await plane.change(work)


def _new_session(account_id: ObjectId, membership: Membership | None) -> Session:
    return Session(
        id=ObjectId(),
        account_id=account_id,
        company_id=membership.company_id if membership else None,
        membership_id=membership.id if membership else None,
        membership_version=membership.version if membership else 0,
        generation=1,
        seed=secrets.token_bytes(16),
    )


def _tokens(plane: ControlPlane, session: Session) -> TokenPair:
    keyring = plane.services.keyring
    return TokenPair(
        access_token=write_access_token(keyring, session, plane.clock.now()),
        refresh_token=write_refresh_token(keyring, session),
        expires_in=int(ACCESS_LASTS.total_seconds()),
    )


def _wrong_code() -> WrongCode:
    return WrongCode([FieldError("/code", "wrong", "is wrong, used up or no longer valid")])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
