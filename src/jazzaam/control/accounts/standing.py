"""How an account stands in a company: read in one place, for sessions and for keys."""

from typing import Any, Final, cast

from bson import ObjectId

from jazzaam.control.accounts.models import Standing
from jazzaam.control.accounts.repository import AccountRepository, has_second_factor
from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.memberships.models import MEMBERSHIPS, LeadVisibility
from jazzaam.control.memberships.permissions import PERMISSIONS, Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.tenancy.database import Document, SystemDatabase
from jazzaam.tenancy.freshness import Loaded, Source

_BOUND_TO_THEIR_LEADS: Final = (Role.member, Role.viewer)


async def standing_of(
    db: SystemDatabase, account_id: ObjectId, company_id: ObjectId
) -> Loaded[Standing] | None:
    """Read how an account stands in a company; None when it, or its membership, is not active."""
    account = await active_account(db, account_id)
    return await standing_in(db, account, company_id) if account else None


async def active_account(db: SystemDatabase, account_id: ObjectId) -> Document | None:
    """Read what decides on every request of an account; None when it may not act."""
    account = await AccountRepository(db).standing(account_id)
    return account if account is not None and account.get("isActive", True) is True else None


async def standing_in(
    db: SystemDatabase, account: Document, company_id: ObjectId
) -> Loaded[Standing] | None:
    """Read how an active account, as `active_account` gives it, stands in a company."""
    account_id: ObjectId = account["_id"]
    membership = await MembershipRepository(db, company_id).of(account_id)
    if membership is None or not membership.is_active:
        return None
    company = account if company_id == account_id else await AccountRepository(db).standing(company_id)
    if company is None:
        return None
    settings = settings_of(company)
    own = settings.get("leadVisibility") == LeadVisibility.own
    standing = Standing(
        membership_id=membership.id,
        version=membership.version,
        role=membership.role,
        permissions=PERMISSIONS[membership.role],
        own_leads_only=own and membership.role in _BOUND_TO_THEIR_LEADS,
        lacks_second_factor=settings.get("requireSecondFactor") is True and not has_second_factor(account),
        muted=membership.muted,
    )
    sources = [
        Source(COMPANIES.name, account_id),
        Source(MEMBERSHIPS.name, membership.id),
        Source(COMPANIES.name, company_id),
    ]
    return Loaded(standing, sources)


def settings_of(row: Document) -> dict[str, Any]:
    """Give a company's settings, whatever another system left there."""
    found: object = row.get("settings")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
