"""Opening a session: the one place where tokens are made for somebody who has shown who they are."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from jazzaam.control.accounts.errors import TokenRefused
from jazzaam.control.accounts.models import SESSION_LASTS, Principal, Session
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.accounts.tokens import ACCESS_LASTS, write_access_token, write_refresh_token
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.models import Actor, ActorKind, Membership
from jazzaam.control.plane import ControlPlane
from jazzaam.control.sessions.repository import SessionRepository


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a signed-in client holds; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


async def open_session(
    plane: ControlPlane,
    account_id: ObjectId,
    membership: Membership | None,
    proof: Callable[[], Awaitable[None]],
    *,
    authenticated_at: datetime | None = None,
) -> TokenPair:
    """Begin a session in a company, or in none, and tell the audit log.

    `authenticated_at` is when the person proved who they are, if not now.

    `proof` shows, in the same change, that what lets somebody in still does: a password may be reset, or
    all sessions ended, while it was looked at. It writes what such an end writes, so that one waits for
    the other.
    """

    async def work() -> Session:
        await proof()
        return await write_session(plane, account_id, membership, authenticated_at=authenticated_at)

    return tokens_of(plane, await plane.change(work))


async def write_session(
    plane: ControlPlane,
    account_id: ObjectId,
    membership: Membership | None,
    *,
    authenticated_at: datetime | None = None,
) -> Session:
    """Begin a session in the running change; its tokens are made when that is durable."""
    now = plane.clock.now()
    session = Session(
        id=ObjectId(),
        account_id=account_id,
        company_id=membership.company_id if membership else None,
        membership_id=membership.id if membership else None,
        membership_version=membership.version if membership else 0,
        generation=1,
        seed=secrets.token_bytes(16),
        authenticated_at=authenticated_at or now,
    )
    await AccountRepository(plane.db).note_network(account_id, plane.network)
    await SessionRepository(plane.db).add(session, plane.origin_of(), now, now + SESSION_LASTS)
    plane.audit(
        Action.login,
        Resource.session,
        session.id,
        by=Actor(ActorKind.account, str(account_id)),
        company=session.company_id,
        account=account_id,
    )
    return session


async def proved_by_session(plane: ControlPlane, principal: Principal) -> None:
    """Go on, in the running change, only while this session lives; raises `TokenRefused`."""
    if not await SessionRepository(plane.db).use(ObjectId(principal.session_id), plane.clock.now()):
        raise TokenRefused


async def proved_by_registration() -> None:
    """Go on: the account was made just now, by who entered the code."""


def tokens_of(plane: ControlPlane, session: Session) -> TokenPair:
    """Sign the tokens of a session's present generation."""
    keyring = plane.services.keyring
    return TokenPair(
        access_token=write_access_token(keyring, session, plane.clock.now()),
        refresh_token=write_refresh_token(keyring, session),
        expires_in=int(ACCESS_LASTS.total_seconds()),
    )
