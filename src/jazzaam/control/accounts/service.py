"""The rules of accounts: registering, proving an address, starting a company, one's own profile."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bson import ObjectId

from jazzaam.control.accounts.codes import is_right
from jazzaam.control.accounts.errors import AccountExists, PasswordTooCommon, TokenRefused, WrongCode
from jazzaam.control.accounts.events import CodeRequested
from jazzaam.control.accounts.jobs import CODE_PURPOSE
from jazzaam.control.accounts.models import AccountType, Principal
from jazzaam.control.accounts.opening import TokenPair, open_session, proved_by_registration
from jazzaam.control.accounts.repository import AccountRepository, has_second_factor
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.companies import repository as companies
from jazzaam.control.memberships.models import Membership
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository, memberships_of, names_of
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.models import CODE_ALMOST_OVER, CODE_LASTS, Registration
from jazzaam.control.registrations.repository import RegistrationRepository
from jazzaam.errors import FieldError


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody registers with; `email` is normalised."""

    email: str
    password: str
    account_type: AccountType
    company_name: str


@dataclass(frozen=True, slots=True)
class Workplace:
    """A company an account works in, and as what."""

    company_id: ObjectId
    company_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Profile:
    """What an account may know of itself."""

    email: str
    account_type: str
    full_name: str
    has_password: bool
    has_second_factor: bool
    platform_admin: bool
    workplaces: list[Workplace]


async def register(plane: ControlPlane, new: NewAccount) -> str:
    """Keep a registration until its code is entered; gives the registrant's token.

    Nothing else is written, and an address that has an account takes the same steps and the same time:
    its owner is told by mail, and no code will be right. Raises `PasswordTooCommon`.
    """
    known = [new.email, new.company_name]
    password_hash = await hash_new_password(plane, new.password, known, "/password")
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
        await RegistrationRepository(plane.db).put(registration, hash_of_token(token), now)
        plane.publish(CodeRequested(email=new.email, number=1, network=plane.network))

    await plane.change(work)
    return token


async def resend_code(plane: ControlPlane, registration_token: str) -> None:
    """Begin a new code for a registration; says nothing about whether there was one."""
    rows = RegistrationRepository(plane.db)
    waiting = await rows.by_token(hash_of_token(registration_token), plane.clock.now())
    if waiting is not None:
        await new_code(plane, waiting, None)


async def registered_address(plane: ControlPlane, registration_token: str) -> str | None:
    """Give the address a registration token belongs to."""
    waiting = await RegistrationRepository(plane.db).by_token(
        hash_of_token(registration_token), plane.clock.now()
    )
    return waiting.email if waiting else None


async def verify_email(plane: ControlPlane, registration_token: str, code: str) -> TokenPair:
    """Make the account of a registration, with its company and tenant, and sign it in.

    Raises `WrongCode`, `ClusterFull`.
    """
    keyring, now = plane.services.keyring, plane.clock.now()
    waiting = await RegistrationRepository(plane.db).spend_try(hash_of_token(registration_token), now)
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
    return await open_session(plane, account_id, membership, proved_by_registration)


async def establish(plane: ControlPlane, registration: Registration) -> tuple[ObjectId, Membership | None]:
    """Make the account of a registration; for a company with a tenant, and the owner's membership.

    Gives the account's id. A company's is that of a tenant that was built before, and opens in the very
    transaction that writes the account: neither is ever there without the other. Raises `AccountExists`,
    `ClusterFull`.
    """
    if registration.account_type is not AccountType.company:

        async def account_alone() -> None:
            await _write_account(plane, registration, registration.account_id)

        await plane.change(account_alone)
        return registration.account_id, None

    async def write(account_id: ObjectId) -> None:
        await _write_account(plane, registration, account_id)
        team = MembershipRepository(plane.db, account_id)
        await team.add(account_id, Role.owner, plane.clock.now())

    account_id = await _with_a_tenant(plane, write)
    return account_id, await MembershipRepository(plane.db, account_id).of(account_id)


async def start_company(plane: ControlPlane, principal: Principal, company_name: str) -> ObjectId:
    """Start a company that the account owns, beside those it works in; gives its id.

    Its document is no account: nobody signs in with it. Raises `AccountGone`, `ClusterFull`.
    """

    async def write(company_id: ObjectId) -> None:
        now = plane.clock.now()
        await companies.add_company(plane.db, company_id, company_name, now)
        team = MembershipRepository(plane.db, company_id)
        await team.add(principal.account_id, Role.owner, now)
        plane.audit(
            Action.create,
            Resource.company,
            company_id,
            by=principal.actor,
            company=company_id,
            values={"companyName": company_name},
        )

    return await _with_a_tenant(plane, write)


async def _with_a_tenant(plane: ControlPlane, write: Callable[[ObjectId], Awaitable[None]]) -> ObjectId:
    """Run `write` with a new company's id in the change in which its database opens; gives the id.

    A request that was answered before gives the id it gave then, and what was claimed waits again.
    """
    provisioner = plane.services.provisioner
    claim = await provisioner.claim(plane.clock.now())

    async def work() -> ObjectId:
        company_id = ObjectId(claim.tenant.id)
        await write(company_id)
        await provisioner.activate(claim, within=plane.db)
        return company_id

    try:
        written = await plane.change(work)
    except BaseException:
        await provisioner.unclaim(claim)
        raise
    if str(written) == claim.tenant.id:
        provisioner.opened(claim)
    else:
        await provisioner.unclaim(claim)
    return written


async def _write_account(plane: ControlPlane, registration: Registration, account_id: ObjectId) -> None:
    await AccountRepository(plane.db).add(
        account_id,
        registration.email,
        plane.clock.now(),
        password_hash=registration.password_hash,
        account_type=registration.account_type,
        company_name=registration.company_name,
    )
    await RegistrationRepository(plane.db).remove(registration.email)


async def hash_new_password(plane: ControlPlane, password: str, also_known: list[str], pointer: str) -> str:
    """Hash a password that somebody chose; raises `PasswordTooCommon`, which names the place."""
    passwords = plane.services.passwords
    if await passwords.is_common(password, also_known, plane.network):
        raise PasswordTooCommon([FieldError(pointer, "common", "is easy to guess; choose another")])
    return await passwords.hash(password, plane.network)


async def profile(plane: ControlPlane, principal: Principal) -> Profile:
    """Read the account that is signed in, and where it works; raises `TokenRefused` when it is gone."""
    row = await AccountRepository(plane.db).profile(principal.account_id)
    if row is None:
        raise TokenRefused
    memberships = await memberships_of(plane.db, principal.account_id)
    names = await names_of(plane.db, [membership.company_id for membership in memberships])
    return Profile(
        email=row["email"],
        account_type=row["userType"],
        full_name=row.get("fullName") or "",
        has_password="password" in row,
        has_second_factor=has_second_factor(row),
        platform_admin=row.get("platformAdmin") is True,
        workplaces=[
            Workplace(one.company_id, names.get(one.company_id, ""), one.role) for one in memberships
        ],
    )


async def change_profile(plane: ControlPlane, principal: Principal, full_name: str) -> None:
    """Change what an account says of itself."""

    async def work() -> None:
        accounts = AccountRepository(plane.db)
        await accounts.change_profile(principal.account_id, {"fullName": full_name}, plane.clock.now())
        plane.audit(
            Action.update,
            Resource.account,
            principal.account_id,
            by=principal.actor,
            account=principal.account_id,
            fields=["fullName"],
        )

    await plane.change(work)


async def new_code(plane: ControlPlane, waiting: Registration, new_token: str | None) -> bool:
    """Begin a new code and have it mailed; False when that registration is not there any more."""
    ends_at = plane.clock.now() + CODE_LASTS

    async def work() -> bool:
        token_hash = hash_of_token(new_token) if new_token else None
        number = await RegistrationRepository(plane.db).next_code(waiting, ends_at, token_hash)
        if number is not None:
            plane.publish(CodeRequested(email=waiting.email, number=number, network=plane.network))
        return number is not None

    return await plane.change(work)


async def renew_token(plane: ControlPlane, waiting: Registration, new_token: str) -> bool:
    """Let the registrant of a registration enter its code under a new token.

    The code that was mailed stays while it lasts some minutes more, and so do its tries: signing in again
    and again sends no mail, and gives no further guesses. False when the registration is another by now.
    """
    if waiting.code_ends_at - plane.clock.now() < CODE_ALMOST_OVER:
        return await new_code(plane, waiting, new_token)

    async def work() -> bool:
        return await RegistrationRepository(plane.db).set_token(waiting, hash_of_token(new_token))

    return await plane.change(work)


def _wrong_code() -> WrongCode:
    return WrongCode([FieldError("/code", "wrong", "is wrong, used up or no longer valid")])


def hash_of_token(token: str) -> bytes:
    """Hash a registrant's token; one of 256 random bits needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()
