"""The rules of second factors."""

from dataclasses import dataclass
from typing import Final

from bson import ObjectId

from jazzaam.control.accounts.errors import TokenRefused
from jazzaam.control.accounts.models import Principal
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.companies.models import COMPANIES, SECOND_FACTOR_SECRET
from jazzaam.control.passwords.service import require_password
from jazzaam.control.plane import ControlPlane
from jazzaam.control.second_factor.codes import (
    address_of,
    hash_of,
    new_recovery_codes,
    new_secret,
    step_of,
)
from jazzaam.control.second_factor.errors import NoSecondFactor, SecondFactorExists, WrongSecondFactor
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.encryption import Place, Undecryptable
from jazzaam.errors import FieldError
from jazzaam.tenancy.database import Document

ISSUER: Final = "Jazzaam"


@dataclass(frozen=True, slots=True)
class Begun:
    """What an authenticator needs; shown once."""

    secret: str
    address: str


async def begin(plane: ControlPlane, principal: Principal, password: str | None) -> Begun:
    """Begin a second factor; it is asked for once a code has confirmed it.

    An account that has a password proves it. Raises `WrongPassword`, `SecondFactorExists`.
    """
    accounts = AccountRepository(plane.db)
    account = await accounts.get(principal.account_id)
    if account is None:
        raise TokenRefused
    if account.password_hash is not None:
        await require_password(plane, principal, password or "", "/password")
    secret = new_secret()
    stored = plane.services.cipher.encrypt(secret.encode(), _place(principal.account_id))
    factor = {"secret": stored, "confirmed": False, "createdAt": plane.clock.now()}
    if not await accounts.put_second_factor(principal.account_id, factor):
        raise SecondFactorExists
    return Begun(secret, address_of(secret, account.email, ISSUER))


async def confirm(plane: ControlPlane, principal: Principal, code: str) -> list[str]:
    """Ask for the second factor from now on, and end all other sessions; gives the recovery codes.

    Raises `NoSecondFactor`, `SecondFactorExists`, `WrongSecondFactor`.
    """
    accounts = AccountRepository(plane.db)
    factor = await accounts.second_factor(principal.account_id)
    if factor is None:
        raise NoSecondFactor
    secret = _secret_of(plane, principal.account_id, factor)
    step = step_of(secret, code, plane.clock.now()) if secret else None
    if step is None:
        raise _wrong()
    codes = new_recovery_codes()

    async def work() -> None:
        hashes = [hash_of(one) for one in codes]
        if not await accounts.confirm_second_factor(
            principal.account_id, factor.get("secret"), step, hashes
        ):
            raise SecondFactorExists
        await SessionRepository(plane.db).end_all(principal.account_id, but=ObjectId(principal.session_id))
        _tell(plane, principal, Action.create)

    await plane.change(work)
    return codes


async def renew_recovery_codes(plane: ControlPlane, principal: Principal, code: str) -> list[str]:
    """Put new recovery codes in the place of the old; raises `NoSecondFactor`, `WrongSecondFactor`."""
    await _require_code(plane, principal, code)
    codes = new_recovery_codes()

    async def work() -> None:
        accounts = AccountRepository(plane.db)
        await accounts.renew_recovery(principal.account_id, [hash_of(one) for one in codes])
        _tell(plane, principal, Action.update, ["recoveryCodes"])

    await plane.change(work)
    return codes


async def remove(plane: ControlPlane, principal: Principal, code: str) -> None:
    """Ask for a second factor no more; raises `NoSecondFactor`, `WrongSecondFactor`."""
    await _require_code(plane, principal, code)

    async def work() -> None:
        await AccountRepository(plane.db).remove_second_factor(principal.account_id)
        _tell(plane, principal, Action.delete)

    await plane.change(work)


async def is_right_code(plane: ControlPlane, account_id: ObjectId, factor: Document, code: str) -> bool:
    """Tell whether a code is the authenticator's or a recovery code, and use it up: each is good once."""
    accounts = AccountRepository(plane.db)
    secret = _secret_of(plane, account_id, factor)
    step = step_of(secret, code, plane.clock.now()) if secret else None
    if step is not None:
        return await accounts.use_step(account_id, step)
    return await accounts.use_recovery(account_id, hash_of(code))


async def _require_code(plane: ControlPlane, principal: Principal, code: str) -> None:
    account = await AccountRepository(plane.db).get(principal.account_id)
    if account is None or account.second_factor is None:
        raise NoSecondFactor
    if not await is_right_code(plane, account.id, account.second_factor, code):
        raise _wrong()


def _secret_of(plane: ControlPlane, account_id: ObjectId, factor: Document) -> str | None:
    """Decrypt a secret; None when its key was given up, and recovery codes are all that is left."""
    try:
        return plane.services.cipher.decrypt(factor["secret"], _place(account_id)).decode()
    except (KeyError, Undecryptable):
        return None


def _tell(
    plane: ControlPlane, principal: Principal, action: Action, fields: list[str] | None = None
) -> None:
    plane.audit(
        action,
        Resource.second_factor,
        principal.account_id,
        by=principal.actor,
        account=principal.account_id,
        fields=fields or (),
    )


def _place(account_id: ObjectId) -> Place:
    return COMPANIES.place(str(account_id), account_id, SECOND_FACTOR_SECRET)


def _wrong() -> WrongSecondFactor:
    return WrongSecondFactor([FieldError("/code", "wrong", "is wrong, or was used before")])
