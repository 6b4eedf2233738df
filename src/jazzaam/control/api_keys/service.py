"""The rules of API keys."""

from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from jazzaam.control.api_keys.errors import ApiKeyNotFound, TooManyApiKeys
from jazzaam.control.api_keys.models import MOST_KEYS, SHOWN_CHARACTERS, hash_of, new_key
from jazzaam.control.api_keys.repository import ApiKeyRepository
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.memberships.models import Member
from jazzaam.control.memberships.permissions import KEY_SCOPES, Permission
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.errors import FieldError, InvalidInput
from jazzaam.tenancy.database import Document


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """What a key is to be."""

    name: str
    scopes: frozenset[Permission]
    expires_at: datetime | None


async def list_keys(plane: ControlPlane, member: Member) -> list[Document]:
    """List the company's keys, the newest first; raises `Forbidden`."""
    member.require(Permission.settings_read)
    return await ApiKeyRepository(plane.db, member.company_id).all()


async def create_key(plane: ControlPlane, member: Member, new: NewApiKey) -> tuple[Document, str]:
    """Make a key; gives its row and the key itself, which is kept nowhere.

    Raises `Forbidden`, `TooManyApiKeys`, and `InvalidInput` for a scope that its maker does not have, or
    that no key can have, and for an end that is over.
    """
    member.require(Permission.settings_write)
    now = plane.clock.now()
    missing = new.scopes - (member.permissions & KEY_SCOPES)
    if missing:
        refused = ", ".join(sorted(missing))
        raise InvalidInput([FieldError("/scopes", "scope", f"you cannot give a key {refused}")])
    if new.expires_at is not None and new.expires_at <= now:
        raise InvalidInput([FieldError("/expiresAt", "past", "is over already")])
    key = new_key()
    row: Document = {
        "_id": ObjectId(),
        "name": new.name,
        "prefix": key[:SHOWN_CHARACTERS],
        "hash": hash_of(key),
        "scopes": sorted(new.scopes),
        "createdBy": member.account_id,
        "createdAt": now,
        "expiresAt": new.expires_at,
        "lastUsedAt": None,
    }

    async def work() -> None:
        keys = ApiKeyRepository(plane.db, member.company_id)
        team = MembershipRepository(plane.db, member.company_id)
        await team.take_turn()
        await team.require(member.account_id, Permission.settings_write)
        if await keys.count() >= MOST_KEYS:
            raise TooManyApiKeys
        await keys.add(row)
        values = {name: row[name] for name in ("name", "prefix", "scopes", "expiresAt")}
        plane.audit(Action.create, Resource.api_key, row["_id"], by=member, values=values)

    await plane.change(work)
    return {name: value for name, value in row.items() if name != "hash"}, key


async def delete_key(plane: ControlPlane, member: Member, key_id: ObjectId) -> None:
    """Revoke a key, everywhere within a second; raises `Forbidden`, `ApiKeyNotFound`."""
    member.require(Permission.settings_write)

    async def work() -> None:
        if not await ApiKeyRepository(plane.db, member.company_id).remove(key_id):
            raise ApiKeyNotFound
        plane.audit(Action.delete, Resource.api_key, key_id, by=member)

    await plane.change(work)
