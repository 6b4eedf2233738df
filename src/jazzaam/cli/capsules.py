"""`jazzaam tenants export` and `import`."""

from pathlib import Path

from bson import ObjectId

from jazzaam.cli.operation import Say, known_tenant, tell_audit
from jazzaam.cli.words import counted
from jazzaam.composition import Application
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.billing.plans import Plan, limits_of
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.companies.repository import CompanyRepository
from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.errors import InvalidInput
from jazzaam.tenancy.capsule_check import Checked
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
    documents = counted(done.documents, "document")
    say(
        f"{tenant.id}: {documents}, {done.bytes / _MEGA:.1f} MB in {done.seconds:.1f} s "
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
    plan: Plan | None,
    owner: str | None,
    say: Say,
) -> None:
    """Make a company of a capsule; with `owner`, an account's address, it is that account's.

    Its plan is `plan`; else the one it had, if this installation signed the capsule; else the free one.
    Raises `CapsuleRefused`, `TenantExists`, and `InvalidInput` for an owner who has no account.
    """
    deployment, clock = application.deployment, application.control.clock
    accounts = AccountRepository(deployment.system())
    account = await accounts.by_email(owner.strip().lower()) if owner is not None else None
    if owner is not None and account is None:
        raise InvalidInput([], f"{owner[:60]!r} has no account.")

    chosen: list[Plan] = []

    async def settle(system: SystemDatabase, tenant_id: TenantId, capsule: Checked) -> None:
        chosen.append(plan or await _plan_before(system, tenant_id, capsule))
        paid = chosen[-1] is not Plan.free
        named = {"subscriptionPlan": str(chosen[-1]), **({"subscriptionStatus": "active"} if paid else {})}
        await CompanyRepository(system, ObjectId(tenant_id)).change(named, None, clock.now())
        await deployment.tenancy.catalog.set_limits(tenant_id, limits_of(chosen[-1]), within=system)
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
        also=settle,
    )
    await tell_audit(application, done.tenant.id, Action.import_, Resource.company)
    say(f"{done.tenant.id}: {counted(done.documents, 'document')} imported, on the plan {chosen[-1]}.")
    if done.new_keys:
        keys = counted(done.new_keys, "public key was", "public keys were")
        say(f"{keys} in use: what they opened has new addresses now.")


async def _plan_before(system: SystemDatabase, tenant_id: TenantId, capsule: Checked) -> Plan:
    """Return the plan a company was on, as its own row says, else a capsule that we signed.

    A copy is on the plan that the first one has now, if that is still here.
    """
    if tenant_id != capsule.tenant and capsule.ours:
        first = await CompanyRepository(system, ObjectId(capsule.tenant)).get()
        if first is not None:
            return Plan(first["subscriptionPlan"])
    row = await CompanyRepository(system, ObjectId(tenant_id)).get() or {}
    rows = [row, *(row for name, row in capsule.rows if capsule.ours and name == COMPANIES.name)]
    named = [row.get("subscriptionPlan") for row in rows]
    return next((Plan(name) for name in named if name in set(Plan) - {Plan.free}), Plan.free)
