from datetime import timedelta

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from jazzaam.features import TENANT_COLLECTIONS
from jazzaam.tenancy import schema
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec
from jazzaam.tenancy.schema import DifferenceKind, Migration, Shape

NOTES = CollectionSpec(
    "notes",
    indexes=(
        IndexSpec("by day", (("day", 1), ("_id", -1))),
        IndexSpec("one of a kind", (("kind", 1),), unique=True, partial={"kind": {"$type": "string"}}),
        IndexSpec("forgets", (("at", 1),), expire_after=timedelta(days=1)),
    ),
    validator={"$jsonSchema": {"required": ["day"]}},
)
TAGS = CollectionSpec("tags")


@pytest.fixture
async def database(mongod):
    async with AsyncMongoClient(mongod.uri("jazzaam_operator")) as client:
        name = f"schema_{ObjectId()}"
        yield client[name]
        await client.drop_database(name)


async def test_what_was_built_does_not_differ(database):
    await schema.build(database, TENANT_COLLECTIONS)

    assert await schema.differences(database, TENANT_COLLECTIONS) == []


async def change_name(database):
    await database.drop_collection("tags")


async def drop_index(database):
    await database["notes"].drop_index("day_1__id_-1")


async def other_order(database):
    await database["notes"].drop_index("day_1__id_-1")
    await database["notes"].create_index([("_id", -1), ("day", 1)], name="day_1__id_-1")


async def not_unique(database):
    await database["notes"].drop_index("kind_1")
    await database["notes"].create_index("kind")


async def other_expiry(database):
    await database["notes"].drop_index("at_1")
    await database["notes"].create_index("at", expireAfterSeconds=5)


async def no_validator(database):
    await database.command("collMod", "notes", validator={})


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        (change_name, DifferenceKind.missing_collection),
        (drop_index, DifferenceKind.missing_index),
        (other_order, DifferenceKind.other_index),
        (not_unique, DifferenceKind.other_index),
        (other_expiry, DifferenceKind.other_index),
        (no_validator, DifferenceKind.other_validator),
    ],
)
async def test_what_differs_is_found_named_and_mended(database, harm, kind):
    await schema.build(database, [NOTES, TAGS])
    await harm(database)

    found = await schema.differences(database, [NOTES, TAGS])
    assert [difference.kind for difference in found] == [kind]
    assert await schema.bring(database, [NOTES, TAGS]) == found
    assert await schema.differences(database, [NOTES, TAGS]) == []


async def test_what_somebody_added_is_reported_and_left(database):
    await schema.build(database, [NOTES])
    await database["notes"].create_index("mine")
    await database["own"].insert_one({})

    assert await schema.bring(database, [NOTES]) == []
    assert [str(one) for one in await schema.differences(database, [NOTES])] == [
        "undeclared collection own",
        "surplus index notes.mine_1",
    ]


async def test_documents_survive_a_change_of_shape(database):
    await database["notes"].insert_many([{"kind": "a"}, {"kind": "b"}])

    await schema.bring(database, [NOTES])

    assert await database["notes"].count_documents({}) == 2
    await database["notes"].update_one({"kind": "a"}, {"$set": {"seen": True}})


def test_migrations_are_numbered_without_gaps():
    async def up(_db):
        pass

    assert Shape([NOTES], [Migration(1, "one", up), Migration(2, "two", up)]).data_version == 2
    for numbers in ([0], [2], [1, 3], [2, 1], [1, 1]):
        with pytest.raises(ValueError, match="numbered"):
            Shape([NOTES], [Migration(number, "x", up) for number in numbers])


def test_a_migration_changes_the_fingerprint():
    async def up(_db):
        pass

    assert Shape([NOTES]).fingerprint != Shape([NOTES], [Migration(1, "one", up)]).fingerprint


async def test_an_index_that_cannot_be_made_unique_stays_as_it_was(database):
    plain = CollectionSpec("notes", indexes=(IndexSpec("by day", (("day", 1),)),))
    unique = CollectionSpec("notes", indexes=(IndexSpec("by day", (("day", 1),), unique=True),))
    await schema.build(database, [plain])
    await database["notes"].insert_many([{"day": 1}, {"day": 1}])

    with pytest.raises(OperationFailure):
        await schema.bring(database, [unique])

    assert await schema.differences(database, [plain]) == []
    await database["notes"].delete_one({})
    assert await schema.bring(database, [unique])
    assert await schema.differences(database, [unique]) == []
    assert await schema.bring(database, [plain])
    assert await schema.differences(database, [plain]) == []
