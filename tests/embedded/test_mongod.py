import os
import shutil
import signal
import socketserver
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from tests.processes import alive, listening_tcp, until

from jazzaam.embedded.errors import CannotStart
from jazzaam.embedded.find import find_mongod
from jazzaam.embedded.mongod import ADMINISTRATOR, running_mongod
from jazzaam.tenancy.users import ANYWHERE, APP, AUDITOR, CLUSTER_USERS, OPERATOR, ClusterUser


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mongodb"
    folder.mkdir(mode=0o700)
    return folder


def start(folder):
    return running_mongod(find_mongod().path, folder, CLUSTER_USERS)


async def test_it_starts_stops_and_keeps_what_was_written(folder):
    for number in range(2):
        async with start(folder) as (endpoint, process), AsyncMongoClient(endpoint.uri(APP.name)) as client:
            assert await client.kept.rows.count_documents({}) == number
            await client.kept.rows.insert_one({"number": number})
            assert (await client.admin.command("hello"))["setName"] == "jazzaam"
        assert not alive(process.pid)


async def test_data_of_an_earlier_release_gets_the_users_and_roles_of_this_one(folder):
    less = ClusterUser(APP.name, ({"resource": ANYWHERE, "actions": ("find",)},))
    async with (
        running_mongod(find_mongod().path, folder, [less]) as (endpoint, _),
        AsyncMongoClient(endpoint.uri(APP.name)) as client,
    ):
        with pytest.raises(OperationFailure):
            await client.kept.rows.insert_one({})

    async with start(folder) as (endpoint, _):
        for user in CLUSTER_USERS:
            async with AsyncMongoClient(endpoint.uri(user.name)) as client:
                await client.kept["auditlogs" if user is AUDITOR else "jobs"].find_one({})
        async with AsyncMongoClient(endpoint.uri(APP.name)) as client:
            await client.kept.rows.insert_one({})


async def test_a_killed_mongod_starts_again_on_its_data(folder):
    async with start(folder) as (endpoint, process), AsyncMongoClient(endpoint.uri(APP.name)) as client:
        await client.kept.rows.insert_one({})
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not alive(process.pid))

    async with start(folder) as (endpoint, _), AsyncMongoClient(endpoint.uri(APP.name)) as client:
        assert await client.kept.rows.count_documents({}) == 1


async def test_an_initialisation_that_was_cut_off_begins_anew(folder):
    (folder / "data.new").mkdir()
    (folder / "data.new" / "rubbish").write_text("x")

    async with start(folder) as (endpoint, _), AsyncMongoClient(endpoint.uri(APP.name)) as client:
        await client.kept.rows.insert_one({})
    assert not (folder / "data.new").exists()


async def test_a_port_that_is_taken_is_given_up_for_another(folder):
    async with start(folder) as (first, _):
        pass
    async with start(folder) as (second, _):
        assert second.port == first.port
    with listener(first.port):
        async with start(folder) as (third, _), AsyncMongoClient(third.uri(APP.name)) as client:
            assert third.port != first.port
            await client.kept.rows.insert_one({})


class TestOtherUsersOfTheMachine:
    async def test_until_it_has_its_administrator_nobody_can_reach_it(self, folder):
        seen, over = [], threading.Event()

        def watch():
            """Look, as often as we can, at what the first mongod listens on."""
            while not over.is_set():
                for entry in Path("/proc").iterdir():
                    command = cmdline(entry) if entry.name.isdigit() else b""
                    if b"data.new" in command and str(folder).encode() in command:
                        seen.append(listening_tcp(int(entry.name)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            async with start(folder):
                pass
        finally:
            over.set()
            watcher.join()

        assert seen
        assert all(listens_on == [] for listens_on in seen)

    async def test_nobody_makes_a_root_without_a_password(self, folder):
        async with start(folder) as (endpoint, process):
            assert listening_tcp(process.pid) == [endpoint.port]
            stranger = AsyncMongoClient("127.0.0.1", endpoint.port, directConnection=True)
            for attempt in (
                lambda: stranger.admin.command("createUser", "me", pwd="x", roles=["root"]),
                lambda: stranger.admin.command("replSetGetStatus"),
                lambda: stranger.jazzaam_system.companies.find_one({}),
            ):
                with pytest.raises(OperationFailure) as refused:
                    await attempt()
                assert refused.value.code == 13
            await stranger.close()

    async def test_secrets_are_in_files_of_ours_alone(self, folder):
        async with start(folder) as (endpoint, process):
            secrets = [path.read_text() for path in endpoint.secrets.iterdir()]
            given = (
                Path(f"/proc/{process.pid}/cmdline").read_bytes()
                + Path(f"/proc/{process.pid}/environ").read_bytes()
            )
            for path in (folder, endpoint.secrets, folder / "data"):
                assert path.stat().st_mode & 0o777 == 0o700
            wider = [path for path in folder.rglob("*") if path.lstat().st_mode & 0o077]
            assert wider == []
            log = (folder / "mongod.log").read_bytes()
        assert len(secrets) == len(CLUSTER_USERS) + 2
        for secret in secrets:
            assert len(secret) >= 64
            assert secret.encode() not in given
            assert secret.encode() not in log

    async def test_files_of_an_earlier_release_are_made_private_at_the_next_start(self, folder):
        async with start(folder):
            pass
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / "secrets").chmod(0o700)

        async with start(folder):
            wider = [path for path in folder.rglob("*") if path.lstat().st_mode & 0o077]

        assert wider == []

    async def test_a_folder_that_others_may_enter_is_refused(self, folder):
        folder.chmod(0o755)

        with pytest.raises(CannotStart, match="chmod 700"):
            async with start(folder):
                pass


class TestUsers:
    async def test_the_applications_users_are_not_root(self, folder):
        async with start(folder) as (endpoint, _):
            app = AsyncMongoClient(endpoint.uri(APP.name))
            await app.jazzaam_system.rows.insert_one({})
            for attempt in (
                lambda: app.drop_database("jazzaam_system"),
                lambda: app.admin.command("createUser", "me", pwd="x", roles=["root"]),
                lambda: app.admin.command("grantRolesToUser", APP.name, roles=["root"]),
                lambda: app.admin.command("shutdown"),
                lambda: app.admin["system.users"].find_one({}),
            ):
                with pytest.raises(OperationFailure) as refused:
                    await attempt()
                assert refused.value.code == 13
            await app.close()

            operator = AsyncMongoClient(endpoint.uri(OPERATOR.name))
            with pytest.raises(OperationFailure) as refused:
                await operator.admin.command("replSetReconfig", {}, force=True)
            assert refused.value.code == 13
            await operator.drop_database("jazzaam_system")
            await operator.close()

    async def test_scripts_and_compressors_are_off(self, folder):
        async with start(folder) as (endpoint, _), AsyncMongoClient(endpoint.uri(APP.name)) as client:
            with pytest.raises(OperationFailure, match=r"(?i)javascript|script"):
                await client.jazzaam_system.rows.find_one({"$where": "true"})
            hello = await client.admin.command("hello", compression=["zlib", "snappy"])
            assert "compression" not in hello


class TestWhyItCannotStart:
    """Each reason is one line that says what to do, or what is wrong."""

    async def test_there_is_no_binary(self, folder, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(CannotStart, match="There is no mongod: install one"):
            find_mongod()
        with pytest.raises(CannotStart, match="JAZZAAM_MONGOD names no program"):
            find_mongod(folder / "none")

    async def test_a_binary_on_the_path_comes_before_the_wheels(self, folder, monkeypatch):
        ours = folder / "mongod"
        ours.write_text("#!/bin/sh\n")
        ours.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

        assert find_mongod() == (ours, "path")
        assert find_mongod(ours) == (ours, "setting")

    async def test_the_data_is_of_a_newer_version(self, folder):
        async with start(folder):
            pass
        table = folder / "data" / "_mdb_catalog.wt"
        first, rest = table.read_bytes()[:4096], table.read_bytes()[4096:]
        newer = first[:4] + (99).to_bytes(2, "little") + first[6:8] + bytes(4) + first[12:]
        table.write_bytes(newer[:8] + crc32c(newer).to_bytes(4, "little") + newer[12:] + rest)

        await refuses(folder, "newer version")

    async def test_another_mongod_has_the_data(self, folder):
        async with start(folder):
            await refuses(folder, "another mongod is using the data")

    @pytest.mark.parametrize(
        ("options", "reason"), [("size=8m", "the disk is full"), ("size=400m,ro", "Read-only file system")]
    )
    async def test_the_disk_is_full_or_read_only(self, tmp_path, options, reason):
        mounted = tmp_path / "disk"
        mounted.mkdir(mode=0o700)
        mount = shutil.which("mount")
        tried = subprocess.run(
            [mount, "-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", mounted],
            capture_output=True,
            check=False,
        )
        if tried.returncode:
            pytest.skip("this machine lets nobody mount a file system")
        try:
            await refuses(mounted, reason)
        finally:
            subprocess.run(["/bin/umount", "-l", mounted], check=True)

    async def test_its_program_does_not_run(self, folder):
        broken = folder / "mongod"
        broken.write_text(
            "#!/bin/sh\necho 'error while loading shared libraries: libcurl.so.4' >&2\nexit 127\n"
        )
        broken.chmod(0o755)
        with pytest.raises(CannotStart, match="apt install libcurl4"):
            async with running_mongod(broken, folder, CLUSTER_USERS):
                pass

    async def test_its_passwords_belong_to_other_data(self, folder):
        async with start(folder):
            pass
        (folder / "secrets" / f"{ADMINISTRATOR}.password").write_text("0" * 64)

        await refuses(folder, "refuses its administrator")


async def refuses(folder, reason):
    with pytest.raises(CannotStart, match=reason) as refused:
        async with start(folder):
            pass
    assert "\n" not in refused.value.detail


def cmdline(entry):
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def crc32c(data):
    """The checksum of WiredTiger's file header (Castagnoli)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


class Server(socketserver.TCPServer):
    allow_reuse_address = True


@contextmanager
def listener(port):
    """Another program on the port, which has nothing to say to MongoDB."""
    with Server(("127.0.0.1", port), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
