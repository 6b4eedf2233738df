"""What `jazzaam admins`, `accounts` and `companies` do, as *operator*."""

from bson import ObjectId

from jazzaam.cli.operation import KEPT, OPERATORS_ACTOR, Say, known_tenant
from jazzaam.cli.words import counted
from jazzaam.composition import Application
from jazzaam.control.accounts.repository import Account, AccountRepository, platform_admins
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.audit.repository import forget_in_jobs
from jazzaam.control.billing.plans import Plan, limits_of
from jazzaam.control.companies.repository import CompanyRepository
from jazzaam.control.erasing import erase_account
from jazzaam.control.plane import ControlPlane
from jazzaam.errors import InvalidInput
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.models import TenantId
from jazzaam.tenancy.users import OPERATOR


async def set_admin(application: Application, email: str, *, to: bool, say: Say) -> None:
    """Make an account a platform admin, or no more; raises `InvalidInput` when there is none."""
    plane = ControlPlane(application.deployment.system(), application.control)
    accounts, account = AccountRepository(plane.db), await _known_account(plane, email)

    async def work() -> None:
        await accounts.set_admin(account.id, to=to)
        action = Action.create if to else Action.delete
        plane.audit(action, Resource.admin, account.id, by=OPERATORS_ACTOR, account=account.id)

    await plane.change(work)
    say(f"{account.email} is {'a platform admin now' if to else 'no platform admin any more'}.")


async def list_admins(application: Application, say: Say) -> None:
    """Say the addresses of the platform admins."""
    for email in await platform_admins(application.deployment.system()):
        say(email)


async def erase(application: Application, email: str, say: Say) -> None:
    """Erase a person everywhere but in what companies keep of their leads and their work.

    Raises `InvalidInput` when there is no account, `LastOwner` for a company's only owner.
    """
    plane = ControlPlane(application.deployment.system(), application.control)
    account = await _known_account(plane, email)
    company_ids = await erase_account(plane, account, OPERATORS_ACTOR)
    left = {TenantId(str(one)) for one in company_ids}
    tenancy = application.deployment.tenancy

    async def forget(db: TenantDatabase) -> None:
        await forget_in_jobs(db, account.id, account.email)

    tenants = [tenant for tenant in await tenancy.catalog.tenants(*KEPT) if tenant.id in left]
    async for outcome in tenancy.each(forget, tenants=tenants, user=OPERATOR):
        if outcome.error is not None:
            raise outcome.error
    companies = counted(len(company_ids), "company", "companies")
    say(f"The account {account.id} is erased. It worked in {companies}.")


async def _known_account(plane: ControlPlane, email: str) -> Account:
    account = await AccountRepository(plane.db).by_email(email.strip().lower())
    if account is None:
        raise InvalidInput([], f"{email[:60]!r} has no account.")
    return account


async def set_plan(application: Application, text: str, plan: Plan, say: Say) -> None:
    """Put a company on a plan, and its limits with it, in one change."""
    tenant = await known_tenant(application, text)
    company_id = ObjectId(tenant.id)
    plane = ControlPlane(application.deployment.system(), application.control)
    catalog = application.deployment.tenancy.catalog

    async def work() -> None:
        named = {"subscriptionPlan": str(plan), "subscriptionStatus": "active"}
        await CompanyRepository(plane.db, company_id).change(named, None, plane.clock.now())
        await catalog.set_limits(tenant.id, limits_of(plan), within=plane.db)
        plane.audit(
            Action.subscription_change,
            Resource.subscription,
            tenant.id,
            by=OPERATORS_ACTOR,
            company=company_id,
            fields=["subscriptionPlan"],
            values={"subscriptionPlan": str(plan)},
        )

    await plane.change(work)
    catalog.forget(tenant.id)
    say(f"{tenant.id} is on the plan {plan} now.")
