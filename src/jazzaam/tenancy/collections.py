"""The shape of a collection, as data: what provisioning builds, and what a handle may open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from jazzaam.encryption import Place


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """An index; `purpose` says which query needs it, since each one costs memory and a file.

    `keys` are (field, 1 | -1) in order. `partial` limits it to matching documents.
    """

    purpose: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after: timedelta | None = None

    @property
    def name(self) -> str:
        """Name it by its keys, as MongoDB would."""
        return "_".join(f"{key}_{direction}" for key, direction in self.keys)

    def definition(self) -> dict[str, Any]:
        """Give it as `createIndexes` takes it."""
        definition: dict[str, Any] = {"name": self.name, "key": dict(self.keys)}
        if self.unique:
            definition["unique"] = True
        if self.partial is not None:
            definition["partialFilterExpression"] = dict(self.partial)
        if self.expire_after is not None:
            definition["expireAfterSeconds"] = int(self.expire_after.total_seconds())
        return definition


class PublicKeyField(NamedTuple):
    """A field that holds a public key, and the kind of thing that key opens."""

    field: str
    kind: str


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection: its name, its indexes and its validator.

    `lead_key` names the field that ties its documents to a lead, so that merging, deleting and erasing
    a lead can walk every declaration. `owner_key` is for the shared database alone: it names the field
    that says whose a row is, and such a collection opens through a `CompanyScope` only. `encrypted`
    names the fields that hold ciphertexts, by dotted path, so that keys can be rotated. `tenant_key` is
    for the tenancy core's own shared collections: the field that names a tenant as the catalog does.
    `public_key` says which field holds a key that strangers know the document by. What is `transient` is
    work under way: it is never taken over from another installation. What is `derived` can be made again:
    no capsule holds it. What is made `at_first_use` is not there at a database's birth.
    """

    name: str
    indexes: Sequence[IndexSpec] = field(default_factory=tuple[IndexSpec, ...])
    validator: Mapping[str, Any] | None = None
    lead_key: str | None = None
    owner_key: str | None = None
    tenant_key: str | None = None
    encrypted: Sequence[str] = ()
    public_key: PublicKeyField | None = None
    transient: bool = False
    derived: bool = False
    at_first_use: bool = False

    def place(self, tenant: str, row: object, path: str) -> Place:
        """Say where a ciphertext of this collection belongs.

        Raises `ValueError` for a field that is not declared as encrypted: no rotated key would find it.
        """
        if path not in self.encrypted:
            raise ValueError(f"{self.name}.{path} is not declared as encrypted")
        return Place(tenant, self.name, str(row), path)
