"""The declared shape of a database: its fingerprint, and how a database is brought to it."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import bson
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from jazzaam.tenancy.collections import CollectionSpec

_NAMESPACE_EXISTS = 48


def fingerprint(collections: Sequence[CollectionSpec]) -> str:
    """Give 16 hex digits that change when any declared name, index or validator does."""
    shape = [
        {
            "name": spec.name,
            "indexes": [index.definition() for index in spec.indexes],
            "validator": dict(spec.validator or {}),
        }
        for spec in sorted(collections, key=lambda spec: spec.name)
    ]
    return hashlib.sha256(bson.encode({"shape": shape})).hexdigest()[:16]


async def build(database: AsyncDatabase[Any], collections: Sequence[CollectionSpec]) -> None:
    """Make every declared collection with its indexes and validator; safe to repeat."""
    await asyncio.gather(*(_build_one(database, spec) for spec in collections))


async def _build_one(database: AsyncDatabase[Any], spec: CollectionSpec) -> None:
    options: dict[str, Any] = {}
    if spec.validator is not None:
        options = {"validator": dict(spec.validator), "validationLevel": "moderate"}
    try:
        await database.create_collection(spec.name, check_exists=False, **options)
    except CollectionInvalid:
        pass
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
    if spec.indexes:
        await database.command(
            "createIndexes", spec.name, indexes=[index.definition() for index in spec.indexes]
        )
