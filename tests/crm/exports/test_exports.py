import asyncio
import contextlib
import dataclasses
from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from PIL import Image

from jazzaam.composition import compose
from jazzaam.control.memberships.models import Actor, ActorKind
from jazzaam.control.memberships.permissions import Role
from jazzaam.crm.exports import service
from jazzaam.crm.exports.models import EXPORTS as ROWS
from jazzaam.crm.exports.service import Link
from jazzaam.crm.exports.writing import write_export
from jazzaam.crm.workspace import Workspace
from jazzaam.integrations.files import Shelf
from jazzaam.jobs import outbox
from jazzaam.jobs.models import JOBS, Place
from jazzaam.jobs.run import JobCancelled
from jazzaam.tenancy.capsule_format import Kind, decode, documents_in, reading, records
from jazzaam.tenancy.models import Tier
from jazzaam.tenancy.users import OPERATOR
from jazzaam.worker import create_runner

EXPORTS = "/api/v1/company/exports"


async def ask(client, headers):
    answer = await client.post(EXPORTS, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def listed(client, headers, export_id):
    items = (await client.get(EXPORTS, headers=headers)).json()["items"]
    return next(one for one in items if one["id"] == export_id)


@pytest.fixture
async def done(client, acme, run_jobs):
    """An export of Acme's that is written: its row as it is listed, with its link."""
    await client.post("/api/v1/leads", json={"fullName": "Ada Lovelace"}, headers=acme.headers)
    export_id = await ask(client, acme.headers)
    await run_jobs(acme)
    return await listed(client, acme.headers, export_id)


@pytest.fixture
async def colleague(acme, join):
    """An admin of Acme's, who works nowhere else; gives the person, and their headers there."""
    return await join(acme, Role.admin)


def local(url):
    return url.removeprefix("http://test")


def collections_in(content, path):
    path.write_bytes(content)
    found, name = {}, ""
    with reading(path) as opened:
        for kind, payload in records(opened.stream, most_bytes=10**9):
            if kind in (Kind.collection, Kind.correction):
                name = decode(payload)["name"]
                found.setdefault(name, [])
            elif kind is Kind.documents:
                found[name] += [decode(one) for one in documents_in(payload)]
    return found


async def test_everything_comes_in_one_file_that_a_link_opens(client, acme, done, tmp_path):
    assert done["status"] == "done"
    assert done["documents"] > 0

    fetched = await client.get(local(done["url"]))

    assert fetched.status_code == 200
    assert int(fetched.headers["content-length"]) == len(fetched.content) == done["bytes"]
    assert fetched.headers["content-disposition"].startswith("attachment")
    found = collections_in(fetched.content, tmp_path / "capsule")
    assert [lead["fullName"] for lead in found["leads"]] == ["Ada Lovelace"]


async def test_a_companys_files_travel_with_it(client, acme, run_jobs, tmp_path):
    out = BytesIO()
    Image.new("RGB", (9, 9)).save(out, "PNG")
    headers = {**acme.headers, "Content-Type": "image/png"}
    await client.put("/api/v1/company/logo", content=out.getvalue(), headers=headers)
    export_id = await ask(client, acme.headers)
    await run_jobs(acme)

    row = await listed(client, acme.headers, export_id)
    found = collections_in((await client.get(local(row["url"]))).content, tmp_path / "capsule")

    [file] = found["files.files"]
    assert {"logo": file["_id"]}.items() <= {
        row["_id"]: row.get("fileId") for row in found["settings"]
    }.items()
    assert sum(len(chunk["data"]) for chunk in found["files.chunks"]) == file["length"]


async def test_no_capsule_holds_another(client, acme, done, run_jobs, tmp_path):
    again = await ask(client, acme.headers)
    await run_jobs(acme)

    second = await listed(client, acme.headers, again)
    content = (await client.get(local(second["url"]))).content

    found = collections_in(content, tmp_path / "capsule")
    assert not {"exports", "exports.files", "exports.chunks"} & found.keys()
    assert second["bytes"] < 2 * done["bytes"]


async def test_a_key_fetches_what_its_scope_allows(client, acme, run_jobs):
    made = await client.post(
        "/api/v1/api-keys", json={"name": "k", "scopes": ["company:export"]}, headers=acme.headers
    )
    headers = {"X-API-Key": made.json()["key"]}
    export_id = await ask(client, headers)
    await run_jobs(acme)
    row = await listed(client, headers, export_id)

    assert "link=" not in row["url"]
    assert (await client.get(local(row["url"]))).status_code == 401
    assert (await client.get(local(row["url"]), headers=headers)).status_code == 200


async def test_a_link_is_good_for_ten_minutes_for_its_export_and_its_session(client, acme, globex, done):
    keyring, now = acme.workspace.services.keyring, acme.workspace.clock.now()
    text = urlsplit(done["url"]).query.removeprefix("link=")
    link = service.read_link(keyring, text, now)
    late = now + timedelta(minutes=11)
    of_globex = await client.post(
        "/api/v1/auth/login", json={"email": globex.email, "password": "correct horse battery staple"}
    )
    session = (
        await client.get(
            "/api/v1/auth/sessions",
            headers={"Authorization": f"Bearer {of_globex.json()['accessToken']}"},
        )
    ).json()["items"][0]["id"]
    soon = now + timedelta(minutes=1)
    wrong = [
        service.write_link(keyring, link, now - timedelta(seconds=1)),
        service.write_link(keyring, dataclasses.replace(link, export_id=ObjectId()), soon),
        service.write_link(keyring, dataclasses.replace(link, tenant_id=globex.id), soon),
        service.write_link(keyring, Link(acme.id, session, link.export_id, ObjectId()), soon),
        service.write_link(keyring, Link(acme.id, str(ObjectId()), link.export_id, ObjectId()), soon),
        text[:-1] + ("A" if text[-1] != "A" else "B"),
        keyring.seal("logo", {"t": acme.id, "s": link.session_id, "e": link.export_id, "x": soon}),
    ]

    assert service.read_link(keyring, text, late) is None
    for one in wrong:
        path = f"{EXPORTS}/{done['id']}/file?link={one}"
        assert (await client.get(path)).status_code == 404
        assert (await client.get(path, headers=globex.headers)).status_code == 404
    assert (await client.head(local(done["url"]))).status_code == 200  # looking uses nothing up
    assert (await client.get(local(done["url"]))).status_code == 200
    assert (await client.get(local(done["url"]))).status_code == 404
    again = (await client.get(EXPORTS, headers=acme.headers)).json()["items"][0]["url"]
    assert (await client.get(local(again))).status_code == 200


@pytest.mark.parametrize("how", ["session", "membership", "account", "tenant"])
async def test_a_link_ends_with_who_holds_it_within_a_second(
    client, acme, done, colleague, plane, application, how
):
    person, headers = colleague
    theirs = await listed(client, headers, done["id"])
    assert (await client.head(local(theirs["url"]))).status_code == 200

    await cut_off(how, client, acme, person, headers, plane, application)

    async with asyncio.timeout(1):
        while not await refused(client, local(theirs["url"])):
            await asyncio.sleep(0.01)
    if how != "tenant":
        assert (await client.get(local(done["url"]))).status_code == 200


async def refused(client, url):
    try:
        return (await client.head(url)).status_code in (403, 404)
    except RuntimeError:  # it had begun, and broke off
        return False


async def cut_off(how, client, acme, person, headers, plane, application):
    if how == "session":
        await client.post("/api/v1/auth/logout", headers=headers)
    elif how == "membership":
        await client.patch(f"/api/v1/members/{person.id}", json={"isActive": False}, headers=acme.headers)
    elif how == "account":
        row = {"_id": ObjectId(person.id)}
        await plane.db.raw["companies"].update_one(row, {"$set": {"isActive": False}})
    else:
        await application.deployment.erasure.suspend(acme.workspace.db.tenant.id)


@pytest.mark.parametrize("how", ["session", "membership", "account", "tenant"])
async def test_a_download_breaks_off_and_never_looks_complete(
    app, client, acme, done, colleague, plane, application, how
):
    """It is read by a client that takes its time; the answer's announced length is never reached."""
    person, headers = colleague
    await make_long(acme, done)
    theirs = await listed(client, headers, done["id"])
    taken, broke_off = await fetch_slowly(
        app, local(theirs["url"]), lambda: cut_off(how, client, acme, person, headers, plane, application)
    )

    assert broke_off
    assert 0 < taken < 10_000_000


async def make_long(acme, done):
    """Put ten megabytes in the place of an export's file."""
    row = await acme.db[ROWS].find_one({"_id": ObjectId(done["id"])}, {"fileId": 1})

    async def pieces():
        for _ in range(40):
            yield bytes(250_000)

    await acme.workspace.services.files.put(acme.db, Shelf.exports, row["fileId"], pieces())


async def test_a_download_that_was_begun_goes_on_when_its_link_is_over(app, acme, done):
    await make_long(acme, done)
    keyring, now = acme.workspace.services.keyring, acme.workspace.clock.now()
    text = urlsplit(done["url"]).query.removeprefix("link=")
    ends_at = now + timedelta(seconds=1)
    short = service.write_link(keyring, service.read_link(keyring, text, now), ends_at)
    late = asyncio.Event()

    async def until_late():
        while acme.workspace.clock.now() <= ends_at:
            await asyncio.sleep(0.05)
        late.set()

    address = f"{EXPORTS}/{done['id']}/file?link={short}"
    taken, broke_off = await fetch_slowly(app, address, until_late, pause=0)

    assert late.is_set()
    assert (taken, broke_off) == (10_000_000, False)


async def fetch_slowly(app, url, after_first, pause=0.05):
    """Call the application as a server does, and take one piece every 50 ms after the first."""
    path, _, query = url.partition("?")
    taken, first = 0, True
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "headers": [(b"host", b"test")], "scheme": "http",
        "client": ("127.0.0.1", 1), "server": ("test", 80), "http_version": "1.1", "asgi": {},
    }  # fmt: skip

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        nonlocal taken, first
        if message["type"] == "http.response.body" and message.get("body"):
            taken += len(message["body"])
            if first:
                first = False
                await after_first()
            await asyncio.sleep(pause)

    with contextlib.suppress(BaseExceptionGroup, Exception):
        await app(scope, receive, send)
        return taken, False
    return taken, True


async def test_a_running_export_ends_when_who_asked_may_no_more(
    client, acme, colleague, application, plane
):
    """The job ends as ended, not as done; there is no file, and its asker's colleagues see that."""
    person, headers = colleague
    export_id = await ask(client, headers)
    begun = asyncio.Event()

    async def slow(_db, _path):
        begun.set()
        await asyncio.sleep(60)

    services = dataclasses.replace(application.workspaces, export_capsule=slow)
    runner = create_runner(dataclasses.replace(application, workspaces=services))
    running = asyncio.create_task(runner.run(Place("main", acme.id, ObjectId(export_id), 0)))
    await begun.wait()
    await client.delete(f"/api/v1/members/{person.id}", headers=acme.headers)
    async with asyncio.timeout(3):
        await running

    row = await listed(client, acme.headers, export_id)
    assert (row["status"], row["url"]) == ("ended", None)
    assert (await client.get(f"{EXPORTS}/{export_id}/file", headers=acme.headers)).status_code == 404


async def test_one_who_may_no_more_when_it_is_written_leaves_no_file(acme, application):
    asker, run = Actor(ActorKind.account, acme.id), SimpleNamespace(id=ObjectId())
    await acme.db[ROWS].insert({"_id": run.id})
    answers = iter([frozenset({"company:export"}), frozenset()])

    async def permissions_now(_actor, _tenant_id):
        return next(answers)

    services = dataclasses.replace(application.workspaces, permissions_now=permissions_now)
    workspace = Workspace(acme.db, acme.workspace.member, services)
    with pytest.raises(JobCancelled):
        await write_export(workspace, run, asker)

    assert await acme.db.raw["exports.files"].count_documents({}) == 0
    assert await acme.db.raw["exports.chunks"].count_documents({}) == 0


@pytest.mark.parametrize("role", [Role.member, Role.viewer])
async def test_members_carry_nothing_away(client, acme, join, role):
    _, headers = await join(acme, role)

    assert (await client.post(EXPORTS, headers=headers)).status_code == 403
    assert (await client.get(EXPORTS, headers=headers)).status_code == 403


async def test_the_plan_says_how_many_at_once(client, acme, application, run_jobs):
    await application.deployment.tenancy.catalog.alter(
        {"_id": acme.id}, {"$set": {"limits.exportsAtOnce": 1}}
    )
    await ask(client, acme.headers)

    refused = await client.post(EXPORTS, headers=acme.headers)

    assert refused.json()["type"] == "/problems/LimitReached"
    await run_jobs(acme)
    assert (await client.post(EXPORTS, headers=acme.headers)).status_code == 202


async def test_after_seven_days_it_is_gone(client, acme, done, application):
    job = await acme.db[JOBS].find_one({"name": "exports.forget"}, {"_id": 1, "dueAt": 1})
    assert job["dueAt"] - acme.workspace.clock.now() > timedelta(days=6)
    await acme.db[JOBS].update_one({"_id": job["_id"]}, {"$set": {"dueAt": acme.workspace.clock.now()}})

    await create_runner(application).run(Place("main", acme.id, job["_id"], 0))

    assert (await outbox.show(acme.db, job["_id"]))["state"] == "done"
    assert (await client.get(EXPORTS, headers=acme.headers)).json()["items"] == []
    assert (await client.get(local(done["url"]))).status_code == 404


async def test_both_the_export_and_its_fetching_stand_in_the_log(client, acme, done, run_jobs):
    await client.get(local(done["url"]))
    await run_jobs(acme)

    told = (
        await client.get("/api/v1/audit-log", params={"resource": "export"}, headers=acme.headers)
    ).json()["items"]

    assert [(one["action"], one["fields"]) for one in told] == [("export", ["file"]), ("export", [])]
    assert {one["resourceId"] for one in told} == {done["id"]}


async def test_a_dedicated_company_exports_as_its_own_user(
    client, settings, application, acme, run_jobs, tmp_path
):
    operator = compose(settings, user=OPERATOR)
    now = acme.workspace.clock.now()
    await operator.deployment.credentials.set_tier(acme.id, Tier.dedicated, now)
    await operator.deployment.close()
    await client.post("/api/v1/leads", json={"fullName": "Ada"}, headers=acme.headers)
    export_id = await ask(client, acme.headers)

    with await application.deployment.tenancy.open(acme.id) as db:
        workspace = Workspace(db, acme.workspace.member, application.workspaces)
        await run_jobs(dataclasses.replace(acme, workspace=workspace))

    row = await listed(client, acme.headers, export_id)
    assert row["status"] == "done"
    content = (await client.get(local(row["url"]))).content
    assert len(collections_in(content, tmp_path / "capsule")["leads"]) == 1


async def test_ten_who_ask_at_once_are_not_more_than_the_plan_allows(client, acme, application):
    await application.deployment.tenancy.catalog.alter(
        {"_id": acme.id}, {"$set": {"limits.exportsAtOnce": 1}}
    )

    answers = await asyncio.gather(*(client.post(EXPORTS, headers=acme.headers) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [202, *[402] * 9]


async def test_a_request_that_comes_again_gets_its_answer_though_there_is_no_room(
    client, acme, application
):
    await application.deployment.tenancy.catalog.alter(
        {"_id": acme.id}, {"$set": {"limits.exportsAtOnce": 1}}
    )
    headers = {**acme.headers, "Idempotency-Key": "once"}

    first, again = [await client.post(EXPORTS, headers=headers) for _ in range(2)]

    assert (first.status_code, first.json()) == (again.status_code, again.json())


async def test_older_exports_make_room(client, acme, run_jobs):
    made = []
    for _ in range(4):
        made.append(await ask(client, acme.headers))
        while await run_jobs(acme):
            pass

    left = (await client.get(EXPORTS, headers=acme.headers)).json()["items"]
    assert [one["id"] for one in left] == made[:0:-1]
    assert await acme.db.raw["exports.files"].count_documents({}) == 3


async def test_an_export_that_is_written_after_it_was_forgotten_leaves_nothing(acme, application):
    run = SimpleNamespace(id=ObjectId())
    await acme.db[ROWS].insert({"_id": run.id})

    async def slow(db, path):
        await acme.db[ROWS].delete_many({"_id": run.id})
        return await application.workspaces.export_capsule(db, path)

    services = dataclasses.replace(application.workspaces, export_capsule=slow)
    workspace = Workspace(acme.db, acme.workspace.member, services)
    with pytest.raises(JobCancelled):
        await write_export(workspace, run, Actor(ActorKind.account, acme.id))

    assert await acme.db.raw["exports.files"].count_documents({}) == 0


async def test_a_running_export_of_a_company_that_is_closed_ends_within_seconds(client, acme, application):
    export_id = await ask(client, acme.headers)
    begun = asyncio.Event()

    async def slow(_db, _path):
        begun.set()
        await asyncio.sleep(60)

    services = dataclasses.replace(application.workspaces, export_capsule=slow)
    runner = create_runner(dataclasses.replace(application, workspaces=services))
    running = asyncio.create_task(runner.run(Place("main", acme.id, ObjectId(export_id), 0)))
    await begun.wait()
    await application.deployment.erasure.suspend(acme.workspace.db.tenant.id)
    async with asyncio.timeout(3):
        await running

    assert (await outbox.show(acme.db, ObjectId(export_id)))["state"] == "queued", "it waits with it"
    assert await acme.db.raw["exports.files"].count_documents({}) == 0
