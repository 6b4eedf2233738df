from bson import ObjectId

from jazzaam.control.catalogue.models import SERVICES
from jazzaam.control.catalogue.repository import CatalogueRepository


async def test_whoever_is_signed_in_reads_the_dozen_it_begins_with(client, acme):
    listed = (await client.get("/api/v1/services", headers=acme.headers)).json()["items"]

    assert len(listed) >= 12
    assert [one["label"] for one in listed] == sorted(one["label"] for one in listed)
    assert all(one["subServices"] for one in listed)
    one = await client.get(f"/api/v1/services/{listed[0]['id']}", headers=acme.headers)
    assert one.json() == listed[0]


async def test_what_is_not_there_is_not_found(client, acme):
    answer = await client.get(f"/api/v1/services/{ObjectId()}", headers=acme.headers)

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/ServiceNotFound"


async def test_a_catalogue_that_has_something_is_left_as_it_is(plane):
    before = await plane.db[SERVICES].find({}, {"label": 1}).to_list()

    await CatalogueRepository(plane.db).fill(plane.clock.now())

    assert await plane.db[SERVICES].find({}, {"label": 1}).to_list() == before


async def test_what_another_system_left_is_shown_as_far_as_it_is_text(client, acme, plane):
    odd = {"_id": ObjectId(), "label": "Zz odd", "sub_services": ["One", {"name": "Two"}, None]}
    await plane.db[SERVICES].insert(odd)

    answer = await client.get(f"/api/v1/services/{odd['_id']}", headers=acme.headers)
    await plane.db[SERVICES].delete_many({"_id": odd["_id"]})

    assert answer.json() == {"id": str(odd["_id"]), "label": "Zz odd", "subServices": ["One"]}
