"""Memberships as they are stored, and the member a request acts as."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.permissions import Permission, Role
from jazzaam.errors import Forbidden
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

MEMBERSHIPS: Final = CollectionSpec(
    "memberships",
    indexes=(
        IndexSpec(
            "a company's team; an account is in it once",
            (("companyId", 1), ("accountId", 1)),
            unique=True,
        ),
        IndexSpec("where an account works", (("accountId", 1), ("isActive", 1))),
    ),
    validator={
        "$jsonSchema": {
            "required": ["companyId", "accountId", "role", "isActive"],
            "properties": {
                "companyId": {"bsonType": "objectId"},
                "accountId": {"bsonType": "objectId"},
                "role": {"enum": ["owner", "admin", "member", "viewer"]},
                "isActive": {"bsonType": "bool"},
            },
        }
    },
    owner_key="companyId",
)


class ActorKind(StrEnum):
    """Who can act: one for each door, and nobody for who has not signed in."""

    account = "account"
    api_key = "apiKey"
    support = "support"
    public_key = "publicKey"
    job = "job"
    operator = "operator"
    nobody = "nobody"


class LeadVisibility(StrEnum):
    """Whose leads members and viewers see; owners and admins see all."""

    all = "all"
    own = "own"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, as histories keep it."""

    kind: ActorKind
    id: str


NOBODY: Final = Actor(ActorKind.nobody, "")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody at work in one company, with what they may do there.

    `role` is None for who is no person of the company; `account_id` is whose eyes they have.
    `own_leads_only` bounds every look at leads to those that are assigned to that account; `muted` are the
    kinds of notifications that they do not want to see.
    """

    actor: Actor
    tenant_id: str
    permissions: frozenset[Permission]
    role: Role | None = None
    account_id: ObjectId | None = None
    own_leads_only: bool = False
    muted: frozenset[str] = frozenset()

    @property
    def company_id(self) -> ObjectId:
        """The company as the shared database names it."""
        return ObjectId(self.tenant_id)

    @property
    def leads_of(self) -> ObjectId | None:
        """Whose leads they see; None for everybody's."""
        return self.account_id if self.own_leads_only else None

    def require(self, permission: Permission) -> None:
        """Go on only if this is allowed; raises `Forbidden`."""
        if permission not in self.permissions:
            raise Forbidden(f"This needs the permission {permission}.")

    def require_owner(self) -> None:
        """Go on only for an owner in person; raises `Forbidden`."""
        if self.role is not Role.owner:
            raise Forbidden("Only an owner may do this.")


@dataclass(frozen=True, slots=True)
class Membership:
    """An account's place in a company; `version` rises with each change, and ends tokens made before.

    `muted` are the kinds of notifications that its member does not want to see.
    """

    id: ObjectId
    company_id: ObjectId
    account_id: ObjectId
    role: Role
    version: int
    is_active: bool = True
    muted: frozenset[str] = frozenset()
