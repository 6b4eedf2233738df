"""`jazzaam tenants export` and `import`."""

from pathlib import Path

from bson import ObjectId

from jazzaam.cli.operation import Say, known_tenant, tell_audit
from jazzaam.composition import Application
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.errors import InvalidInput
from jazzaam.tenancy.database import CompanyScope, SystemDatabase
from jazzaam.tenancy.errors import TenantNotReady
from jazzaam.tenancy.models import TenantId, TenantStatus
from jazzaam.tenancy.users import OPERATOR

_MEGA = 1_000_000


async def export_tenant(application: Application, text: str, path: Path, say: Say) -> None:
    """Write a company's capsule.

    Raises `TenantNotReady`, and `InvalidInput` for a path that cannot be written, or is taken.
    """
    deployment = application.deployment
    tenant = await known_tenant(application, text)
    if tenant.status not in (TenantStatus.active, TenantStatus.suspended):
        raise TenantNotReady(f"{tenant.id} is {tenant.status}: there is nothing whole to export.")
    await tell_audit(application, tenant.id, Action.export, Resource.company)
    try:
        with await deployment.tenancy.administer(tenant, OPERATOR) as db:
            done = await deployment.export(db, path, application.keyring, application.control.clock.now())
    except FileExistsError:
        raise InvalidInput([], f"{path} exists already.") from None
    except OSError as error:
        raise InvalidInput([], f"{path} cannot be written: {error.strerror}.") from None
    say(
        f"{tenant.id}: {done.documents} documents, {done.bytes / _MEGA:.1f} MB in {done.seconds:.1f} s "
        f"({done.bytes / _MEGA / max(done.seconds, 0.001):.0f} MB/s)."
    )
    if done.left_out:
        say(f"Not in it, since no release of ours declares them: {', '.join(done.left_out)}.")


async def import_tenant(
    application: Application,
    path: Path,
    *,
    as_id: str | None,
    accept_foreign: str | None,
    owner: str | None,
    say: Say,
) -> None:
    """Make a company of a capsule; with `owner`, an account's address, it is that account's.

    Raises `CapsuleRefused`, `TenantExists`, and `InvalidInput` for an owner who has no account.
    """
    deployment, clock = application.deployment, application.control.clock
    accounts = AccountRepository(deployment.system())
    account = await accounts.by_email(owner.strip().lower()) if owner is not None else None
    if owner is not None and account is None:
        raise InvalidInput([], f"{owner[:60]!r} has no account.")

    async def appoint(system: SystemDatabase, tenant_id: TenantId) -> None:
        if account is None:
            return
        if await CompanyScope(system, ObjectId(tenant_id))[MEMBERSHIPS].count({}):
            raise InvalidInput([], "Its team is there already: import it with --no-owner.")
        team = MembershipRepository(system, ObjectId(tenant_id))
        await team.add(account.id, Role.owner, clock.now())

    done = await deployment.importer.load(
        path,
        application.keyring,
        tenant_id=as_id,
        accept_foreign=accept_foreign,
        at=clock.now,
        also=appoint,
    )
    await tell_audit(application, done.tenant.id, Action.import_, Resource.company)
    say(f"{done.tenant.id}: {done.documents} documents imported.")
    if done.new_keys:
        say(f"{done.new_keys} public keys were in use: what they opened has new addresses now.")
