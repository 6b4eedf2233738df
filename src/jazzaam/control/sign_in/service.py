"""The rules of signing in: passwords and second factors, refreshing, sessions, switching companies."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from bson import ObjectId

from jazzaam.control.accounts.errors import (
    EmailNotVerified,
    SecondFactorNeeded,
    TokenRefused,
    WrongCredentials,
)
from jazzaam.control.accounts.models import Principal, Session
from jazzaam.control.accounts.opening import TokenPair, open_session, proved_by_session, tokens_of
from jazzaam.control.accounts.repository import Account, AccountRepository
from jazzaam.control.accounts.service import renew_token
from jazzaam.control.accounts.standing import active_account, standing_of
from jazzaam.control.accounts.tokens import read_refresh_token
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.models import NOBODY
from jazzaam.control.memberships.repository import MembershipRepository, memberships_of, names_of
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.repository import RegistrationRepository
from jazzaam.control.second_factor.service import is_right_code
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.control.sign_in.errors import CompanyNotFound, NotConfirmed, SessionNotFound
from jazzaam.logging import get_logger
from jazzaam.tenancy.database import Document

log = get_logger(__name__)

REFRESH_GRACE: Final = timedelta(seconds=10)
"""How long a refresh token that was used gives its successor again."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody signs in with; `email` is normalised, `code` of the second factor."""

    email: str
    password: str
    code: str | None = None


async def log_in(plane: ControlPlane, given: Credentials) -> TokenPair:
    """Sign in to the account's oldest company.

    Every failure is `WrongCredentials`, is told to the audit log and takes the same steps, except that
    after a right password an address that waits for its code gives `EmailNotVerified` (with a new code if
    the last is about to end), and a missing second factor `SecondFactorNeeded`.
    """
    accounts, now = AccountRepository(plane.db), plane.clock.now()
    account = await accounts.by_email(given.email)
    waiting = await RegistrationRepository(plane.db).by_email(given.email, now)
    if account is not None:
        waiting = None
    stored = account.password_hash if account else waiting.password_hash if waiting else None
    verdict = await plane.services.passwords.verify(stored, given.password, plane.network)
    if not verdict.right or (account is not None and not account.is_active):
        await refuse(plane, given.email, account)
    if waiting is not None:
        token = secrets.token_hex(32)
        if not await renew_token(plane, waiting, token):
            raise WrongCredentials  # the password that was right is not that of the address any more
        raise EmailNotVerified(token)
    if account is None:
        raise WrongCredentials
    await require_second_factor(plane, account, given.code)
    signing_in = account

    async def proof() -> None:
        if not await accounts.sign_in(signing_in, now, verdict.better_hash):
            raise WrongCredentials  # it was right a moment ago

    memberships = await memberships_of(plane.db, account.id)
    return await open_session(plane, account.id, memberships[0] if memberships else None, proof)


async def is_known(plane: ControlPlane, email: str) -> bool:
    """Check whether an address's account was signed in to from this request's network lately."""
    account = await AccountRepository(plane.db).by_email(email)
    return account is not None and account.was_seen_from(plane.network)


async def require_second_factor(plane: ControlPlane, account: Account, code: str | None) -> None:
    """Go on only with the second factor, where an account has one.

    Raises `SecondFactorNeeded` when there is no code, `WrongCredentials` for a wrong one.
    """
    if account.second_factor is None:
        return
    if code is None:
        raise SecondFactorNeeded
    if not await is_right_code(plane, account.id, account.second_factor, code):
        await refuse(plane, account.email, account)


async def refuse(plane: ControlPlane, email: str, account: Account | None) -> NoReturn:
    """Tell the audit log of a failed sign-in, the same for an account and for nobody's.

    Raises `WrongCredentials`.
    """

    async def work() -> None:
        plane.audit(
            Action.login,
            Resource.account,
            account.id if account else "",
            by=NOBODY,
            account=account.id if account else None,
            values={"email": email},
            failed=True,
        )

    await plane.change(work)
    raise WrongCredentials


async def refresh(plane: ControlPlane, refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Each is good once, and for `REFRESH_GRACE` more gives the same successor again: two tabs that refresh at
    once, or a client whose answer was lost, go on. One that was used before that has been copied by
    somebody: its whole family, the session, ends. Raises `TokenRefused`.
    """
    claims = read_refresh_token(plane.services.keyring, refresh_token)
    sessions, now = SessionRepository(plane.db), plane.clock.now()
    row = await sessions.find(claims.session_id, now)
    if row is None or row["seed"] != claims.seed or row.get("grantId") is not None:
        raise TokenRefused
    if not (
        await sessions.advance(claims.session_id, claims.generation, now)
        or _used_just_now(await sessions.find(claims.session_id, now), claims.generation, now)
    ):
        await sessions.end(claims.session_id, row["accountId"])
        log.warning("session.reuse_detected", account=str(row["accountId"]))
        raise TokenRefused
    session = Session(
        id=claims.session_id,
        account_id=row["accountId"],
        company_id=row["companyId"],
        membership_id=row["membershipId"],
        membership_version=await _version_of(plane, row),
        generation=claims.generation + 1,
        seed=claims.seed,
    )
    return tokens_of(plane, session)


def _used_just_now(row: Document | None, generation: int, at: datetime) -> bool:
    """Check whether a session's last refresh used up this generation, within the grace."""
    if row is None or row["generation"] != generation + 1:
        return False
    refreshed_at: datetime = row["refreshedAt"]
    return at - refreshed_at < REFRESH_GRACE


async def _version_of(plane: ControlPlane, session: Document) -> int:
    """Give the present version of the membership a session was made for; raises `TokenRefused`."""
    if session["membershipId"] is None:
        if await active_account(plane.db, session["accountId"]) is None:
            raise TokenRefused
        return 0
    standing = await standing_of(plane.db, session["accountId"], session["companyId"])
    if standing is None or standing.value.membership_id != session["membershipId"]:
        raise TokenRefused
    return standing.value.version


async def log_out(plane: ControlPlane, principal: Principal) -> None:
    """End this session; its tokens are refused everywhere within a second."""

    async def work() -> None:
        await SessionRepository(plane.db).end(ObjectId(principal.session_id), principal.account_id)
        _tell_end(plane, principal, principal.session_id)

    await plane.change(work)


async def log_out_everywhere(plane: ControlPlane, principal: Principal) -> None:
    """End all sessions of the account."""

    async def work() -> None:
        await SessionRepository(plane.db).end_all(principal.account_id)
        _tell_end(plane, principal, "all")

    await plane.change(work)


async def end_session(plane: ControlPlane, principal: Principal, session_id: ObjectId) -> None:
    """End one of the account's own sessions; raises `SessionNotFound`."""

    async def work() -> None:
        if not await SessionRepository(plane.db).end(session_id, principal.account_id):
            raise SessionNotFound
        _tell_end(plane, principal, str(session_id))

    await plane.change(work)


async def sessions(plane: ControlPlane, principal: Principal) -> list[Document]:
    """List where the account is signed in, the newest first, each with its company's name."""
    rows = await SessionRepository(plane.db).of_account(principal.account_id, plane.clock.now())
    names = await names_of(plane.db, [row["companyId"] for row in rows if row["companyId"] is not None])
    return [
        {
            **row,
            "companyName": names.get(row["companyId"]),
            "current": str(row["_id"]) == principal.session_id,
        }
        for row in rows
    ]


async def switch_company(plane: ControlPlane, principal: Principal, company_id: ObjectId) -> TokenPair:
    """Begin a second session, in another company of the account.

    Raises `CompanyNotFound`, or `TokenRefused` when the first has ended.
    """
    membership = await MembershipRepository(plane.db, company_id).of(principal.account_id)
    if membership is None or not membership.is_active:
        raise CompanyNotFound
    return await open_session(
        plane,
        principal.account_id,
        membership,
        lambda: proved_by_session(plane, principal),
        authenticated_at=principal.authenticated_at,
    )


async def confirm(
    plane: ControlPlane, principal: Principal, password: str | None, code: str | None
) -> None:
    """Prove again who is signed in, with the password or a code of the second factor.

    Raises `NotConfirmed`, or `TokenRefused` when the session has ended meanwhile.
    """
    account = await AccountRepository(plane.db).get(principal.account_id)
    factor = account.second_factor if account else None
    if account is None or not account.is_active:
        raise TokenRefused
    if code is not None and factor is not None:
        right = await is_right_code(plane, account.id, factor, code)
    else:
        passwords = plane.services.passwords
        right = (await passwords.verify(account.password_hash, password or "", plane.network)).right
    if not right:
        raise NotConfirmed

    async def work() -> None:
        if not await SessionRepository(plane.db).confirm(ObjectId(principal.session_id), plane.clock.now()):
            raise TokenRefused

    await plane.change(work)


def _tell_end(plane: ControlPlane, principal: Principal, session_id: str) -> None:
    company = principal.member.company_id if principal.member else None
    plane.audit(
        Action.logout,
        Resource.session,
        session_id,
        by=principal.actor,
        company=company,
        account=principal.account_id,
    )
