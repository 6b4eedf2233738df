"""Whether who asked for something may still have it: read anew, for work that goes on after its request."""

from datetime import datetime

from bson import ObjectId

from jazzaam.control.accounts.standing import standing_of
from jazzaam.control.api_keys.repository import ApiKeyRepository
from jazzaam.control.memberships.models import Actor, ActorKind
from jazzaam.control.memberships.permissions import Permission
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.models import TenantId

NOTHING: frozenset[Permission] = frozenset()


async def permissions_now(
    db: SystemDatabase, actor: Actor, tenant_id: TenantId, at: datetime
) -> frozenset[Permission]:
    """Say what an account, or an API key, may do in a company at this moment; nobody else may anything."""
    company_id = ObjectId(tenant_id)
    if actor.kind is ActorKind.account:
        return await _of_account(db, ObjectId(actor.id), company_id)
    if actor.kind is ActorKind.api_key:
        key = await ApiKeyRepository(db, company_id).find(ObjectId(actor.id), at)
        if key is not None:
            return key.scopes & await _of_account(db, key.created_by, company_id)
    return NOTHING


async def works_in(db: SystemDatabase, account_id: ObjectId, company_id: ObjectId) -> bool:
    """Check whether an account is active, and an active member of a company, at this moment."""
    return await standing_of(db, account_id, company_id) is not None


async def _of_account(
    db: SystemDatabase, account_id: ObjectId, company_id: ObjectId
) -> frozenset[Permission]:
    found = await standing_of(db, account_id, company_id)
    if found is None or found.value.lacks_second_factor:
        return NOTHING
    return found.value.permissions
