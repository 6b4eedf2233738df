"""The rules of passwords."""

import secrets

from bson import ObjectId

from jazzaam.control.accounts.models import Principal
from jazzaam.control.accounts.opening import proved_by_session
from jazzaam.control.accounts.repository import Account, AccountRepository
from jazzaam.control.accounts.service import hash_new_password
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.models import Actor, ActorKind
from jazzaam.control.passwords.errors import ResetRefused, WrongPassword
from jazzaam.control.passwords.events import PasswordForgotten
from jazzaam.control.passwords.tokens import read_reset
from jazzaam.control.plane import ControlPlane
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.errors import FieldError


async def change_password(plane: ControlPlane, principal: Principal, old: str, new: str) -> None:
    """Change the password, and end every other session of the account.

    Raises `WrongPassword`, `PasswordTooCommon`, `TokenRefused` when this session has ended meanwhile.
    """
    account = await require_password(plane, principal, old, "/oldPassword")
    hashed = await hash_new_password(plane, new, [account.email], "/newPassword")

    async def work() -> None:
        await proved_by_session(plane, principal)
        if not await AccountRepository(plane.db).set_password(account, hashed):
            raise _wrong("/oldPassword")  # it was right a moment ago
        await SessionRepository(plane.db).end_all(principal.account_id, but=ObjectId(principal.session_id))
        _tell(plane, principal.actor, principal.account_id)

    await plane.change(work)


async def require_password(plane: ControlPlane, principal: Principal, given: str, pointer: str) -> Account:
    """Go on only with the account's present password, and give the account; raises `WrongPassword`."""
    account = await AccountRepository(plane.db).get(principal.account_id)
    stored = account.password_hash if account else None
    right = (await plane.services.passwords.verify(stored, given, plane.network)).right
    if account is None or not right:
        raise _wrong(pointer)
    return account


async def forget_password(plane: ControlPlane, email: str) -> None:
    """Have an address mailed, if it is an account's: the same steps whether it is."""

    async def work() -> None:
        seed = secrets.token_bytes(16)
        plane.publish(PasswordForgotten(email=email, seed=seed, network=plane.network))

    await plane.change(work)


async def reset_password(plane: ControlPlane, token: str, new: str) -> str:
    """Set a new password with the mailed token, end every session of the account, and return its address.

    A second factor is still asked for. The account knows the network from now on. Raises `ResetRefused`,
    `PasswordTooCommon`.
    """
    reset = read_reset(plane.services.keyring, token)
    if reset is None:
        raise _refused()
    hashed = await hash_new_password(plane, new, [], "/newPassword")

    async def work() -> str:
        accounts, now = AccountRepository(plane.db), plane.clock.now()
        if not await accounts.finish_reset(reset.account_id, reset.seed, hashed, now):
            raise _refused()
        await accounts.note_network(reset.account_id, plane.network)
        await SessionRepository(plane.db).end_all(reset.account_id)
        _tell(plane, Actor(ActorKind.account, str(reset.account_id)), reset.account_id)
        account = await accounts.get(reset.account_id)
        return account.email if account else ""

    return await plane.change(work)


def _tell(plane: ControlPlane, by: Actor, account_id: ObjectId) -> None:
    plane.audit(Action.update, Resource.password, account_id, by=by, account=account_id)


def _wrong(pointer: str) -> WrongPassword:
    return WrongPassword([FieldError(pointer, "wrong", "is not your present password")])


def _refused() -> ResetRefused:
    return ResetRefused([FieldError("/token", "refused", "is used up or no longer valid")])
