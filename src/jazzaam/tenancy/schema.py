"""The declared shape of a database: its fingerprint, how it is built, and how one is brought to it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import bson
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.database import TenantDatabase

_NAMESPACE_EXISTS = 48
_LEVEL = "moderate"

AnyDatabase = AsyncDatabase[Any]


@dataclass(frozen=True, slots=True)
class Migration:
    """A change of stored data that an index or a validator cannot express.

    `up` may run twice, also at once, and runs while processes of the last release serve the tenant: it
    adds, and leaves what they read. Numbers rise by one from 1 and are never used again.
    """

    number: int
    name: str
    up: Callable[[TenantDatabase], Awaitable[None]]


class Shape:
    """What every tenant's database is declared to be.

    Raises `ValueError` when migrations are not numbered 1, 2, 3 …
    """

    def __init__(
        self,
        collections: Sequence[CollectionSpec],
        migrations: Sequence[Migration] = (),
    ) -> None:
        if [one.number for one in migrations] != list(range(1, len(migrations) + 1)):
            raise ValueError("migrations are numbered 1, 2, 3 and so on, in order")
        self.collections = tuple(collections)
        self.migrations = tuple(migrations)
        self.data_version = len(migrations)
        self.tables = sum(2 + len(spec.indexes) for spec in collections if not spec.at_first_use)
        self.fingerprint = fingerprint(collections, self.data_version)


class DifferenceKind(StrEnum):
    """How a database can differ from what is declared."""

    missing_collection = "missing collection"
    undeclared_collection = "undeclared collection"
    missing_index = "missing index"
    other_index = "other index"
    surplus_index = "surplus index"
    other_validator = "other validator"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where a database is not as declared; `index` is empty for a collection's own."""

    kind: DifferenceKind
    collection: str
    index: str = ""

    def __str__(self) -> str:
        """Put it in a few words."""
        return f"{self.kind} {self.collection}{'.' if self.index else ''}{self.index}"


NEVER_MENDED = (DifferenceKind.undeclared_collection, DifferenceKind.surplus_index)
"""What is reported and left: somebody may have made it for a reason, and it does no harm."""


def fingerprint(collections: Sequence[CollectionSpec], data_version: int = 0) -> str:
    """Give 16 hex digits that change when any declared name, index, validator or migration does."""
    shape = [
        {
            "name": spec.name,
            "indexes": [index.definition() for index in spec.indexes],
            "validator": dict(spec.validator or {}),
            **({"atFirstUse": True} if spec.at_first_use else {}),
        }
        for spec in sorted(collections, key=lambda spec: spec.name)
    ]
    whole = bson.encode({"shape": shape, "dataVersion": data_version})
    return hashlib.sha256(whole).hexdigest()[:16]


async def build(database: AnyDatabase, collections: Sequence[CollectionSpec]) -> None:
    """Make every declared collection with its indexes and validator, but those made at first use.

    Safe to repeat.
    """
    await asyncio.gather(*(_build_one(database, spec) for spec in collections if not spec.at_first_use))


async def _build_one(database: AnyDatabase, spec: CollectionSpec) -> None:
    options: dict[str, Any] = {}
    if spec.validator is not None:
        options = {"validator": dict(spec.validator), "validationLevel": _LEVEL}
    try:
        await database.create_collection(spec.name, check_exists=False, **options)
    except CollectionInvalid:
        pass
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
    if spec.indexes:
        await _create_indexes(database, spec.name, spec.indexes)


async def differences(database: AnyDatabase, collections: Sequence[CollectionSpec]) -> list[Difference]:
    """Compare what is there with what is declared."""
    found: dict[str, Mapping[str, Any]] = {
        row["name"]: row async for row in await database.list_collections() if _is_ours(row)
    }
    declared = {spec.name: spec for spec in collections}
    result = [
        Difference(DifferenceKind.undeclared_collection, name)
        for name in sorted(found.keys() - declared.keys())
    ]
    result += [
        Difference(DifferenceKind.missing_collection, spec.name)
        for spec in collections
        if spec.name not in found and not spec.at_first_use
    ]
    present = [spec for name, spec in sorted(declared.items()) if name in found]
    indexes = await asyncio.gather(*(_indexes_of(database, spec.name) for spec in present))
    for spec, there in zip(present, indexes, strict=True):
        result += _compare_validator(spec, found[spec.name].get("options", {}))
        result += _compare_indexes(spec, there)
    return result


def is_nothing_there(differing: Sequence[Difference], collections: Sequence[CollectionSpec]) -> bool:
    """Check whether every collection that is there from the beginning is missing."""
    missing = {one.collection for one in differing if one.kind is DifferenceKind.missing_collection}
    return all(spec.name in missing for spec in collections if not spec.at_first_use)


def tables_missing(differing: Sequence[Difference], collections: Sequence[CollectionSpec]) -> int:
    """Count the tables that bringing a database to the declared shape makes."""
    indexes = {spec.name: len(spec.indexes) for spec in collections}
    return sum(
        2 + indexes[one.collection] if one.kind is DifferenceKind.missing_collection else 1
        for one in differing
        if one.kind in (DifferenceKind.missing_collection, DifferenceKind.missing_index)
    )


async def bring(
    database: AnyDatabase,
    collections: Sequence[CollectionSpec],
    differing: Sequence[Difference] | None = None,
) -> list[Difference]:
    """Make what is missing and change what differs; gives what was to be done. Safe to repeat.

    `differing` is what `differences` found, if that was asked already.
    """
    if differing is None:
        differing = await differences(database, collections)
    to_do = [one for one in differing if one.kind not in NEVER_MENDED]
    declared = {spec.name: spec for spec in collections}
    for one in to_do:
        spec = declared[one.collection]
        if one.kind is DifferenceKind.missing_collection:
            await _build_one(database, spec)
        elif one.kind is DifferenceKind.other_validator:
            await database.command(
                "collMod", spec.name, validator=dict(spec.validator or {}), validationLevel=_LEVEL
            )
        else:
            index = next(index for index in spec.indexes if index.name == one.index)
            if one.kind is DifferenceKind.missing_index:
                await _create_indexes(database, spec.name, [index])
            else:
                await _change_index(database, spec.name, index)
    return to_do


async def _change_index(database: AnyDatabase, collection: str, index: IndexSpec) -> None:
    """Make an index what is declared; when that cannot be done it stays as it was.

    One that only becomes unique is converted where it stands. MongoDB changes no other in place: it is
    dropped and made anew.
    """
    old = (await _indexes_of(database, collection))[index.name]
    if index.unique and _same_index(index.definition(), {**old, "unique": True}):
        await _make_unique(database, collection, index)
        return
    await database[collection].drop_index(index.name)
    try:
        await _create_indexes(database, collection, [index])
    except OperationFailure:
        was = {name: value for name, value in old.items() if name not in ("v", "ns")}
        await database.command("createIndexes", collection, indexes=[was])
        raise


async def _make_unique(database: AnyDatabase, collection: str, index: IndexSpec) -> None:
    """Refuse new duplicates, then convert; with duplicates there it stays as it was."""

    async def change(**what: bool) -> None:
        await database.command("collMod", collection, index={"name": index.name, **what})

    await change(prepareUnique=True)
    try:
        await change(unique=True)
    except OperationFailure:
        await change(prepareUnique=False)
        raise


async def _create_indexes(database: AnyDatabase, collection: str, indexes: Sequence[IndexSpec]) -> None:
    await database.command("createIndexes", collection, indexes=[index.definition() for index in indexes])


async def _indexes_of(database: AnyDatabase, collection: str) -> dict[str, Mapping[str, Any]]:
    return {row["name"]: row async for row in await database[collection].list_indexes()}


def _is_ours(row: Mapping[str, Any]) -> bool:
    return row.get("type") == "collection" and not row["name"].startswith("system.")


def _compare_validator(spec: CollectionSpec, options: Mapping[str, Any]) -> list[Difference]:
    same = dict(options.get("validator") or {}) == dict(spec.validator or {})
    return [] if same else [Difference(DifferenceKind.other_validator, spec.name)]


def _compare_indexes(spec: CollectionSpec, found: Mapping[str, Mapping[str, Any]]) -> list[Difference]:
    result: list[Difference] = []
    for index in spec.indexes:
        there = found.get(index.name)
        if there is None:
            result.append(Difference(DifferenceKind.missing_index, spec.name, index.name))
        elif not _same_index(index.definition(), there):
            result.append(Difference(DifferenceKind.other_index, spec.name, index.name))
    surplus = found.keys() - {index.name for index in spec.indexes} - {"_id_"}
    result += [Difference(DifferenceKind.surplus_index, spec.name, name) for name in sorted(surplus)]
    return result


def _same_index(declared: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Compare definitions; in an index's key the order counts too."""
    options = {name: value for name, value in there.items() if name not in ("v", "ns", "key")}
    wanted = {name: value for name, value in declared.items() if name != "key"}
    return options == wanted and list(there["key"].items()) == list(declared["key"].items())
