"""Memberships as they are stored, and the member a request acts as."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bson import ObjectId

from jazzaam.control.memberships.permissions import Permission
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
    """Who can act in a workspace: one for each door."""

    account = "account"
    public_key = "publicKey"
    job = "job"
    operator = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, as histories keep it."""

    kind: ActorKind
    id: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody at work in one company, with what they may do there."""

    actor: Actor
    tenant_id: str
    permissions: frozenset[Permission]

    def require(self, permission: Permission) -> None:
        """Go on only if this is allowed; raises `Forbidden`."""
        if permission not in self.permissions:
            raise Forbidden(f"This needs the permission {permission}.")


@dataclass(frozen=True, slots=True)
class Membership:
    """An account's place in a company."""

    id: ObjectId
    company_id: ObjectId
    role: str
    version: int
