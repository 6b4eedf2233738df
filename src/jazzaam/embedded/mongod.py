"""Start and stop one mongod that is a replica set of one node, with authentication.

A machine's other users are never trusted. A mongod with a key file lets any local process make the
first root user, so the first start listens on a unix socket in a folder of ours and nowhere else; only
when it has its administrator does it listen on a loopback port, with that exception off.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pymongo import AsyncMongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from jazzaam.embedded.diagnosis import explain, lacks_space
from jazzaam.embedded.errors import CannotStart
from jazzaam.embedded.files import kept_secret, make_private, private_folder, write_private
from jazzaam.embedded.lifeline import die_with_parent
from jazzaam.embedded.users import User, bring_users

REPLICA_SET: Final = "jazzaam"
ADMINISTRATOR: Final = "jazzaam_root"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 6
_PORT_TRIES: Final = 5
_NOT_YET_INITIALIZED: Final = 94

_OPTIONS: Final = (
    "--replSet", REPLICA_SET,
    "--noscripting",
    "--networkMessageCompressors", "disabled",
    "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
    "--setParameter", "diagnosticDataCollectionEnabled=false",
    # Idle tables give their descriptors back: when those run out mongod aborts, for every tenant.
    "--wiredTigerEngineConfigString",
    "file_manager=(close_idle_time=3,close_scan_interval=1,close_handle_minimum=100)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running mongod is, and the folder with its users' passwords."""

    port: int
    secrets: Path

    def uri(self, user: str) -> str:
        """Give the connection string of one user; it holds the password."""
        password = (self.secrets / f"{user}.password").read_text()
        return (
            f"mongodb://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{self.port}"
            "/?authSource=admin&directConnection=true"
        )


@asynccontextmanager
async def running_mongod(
    binary: Path, folder: Path, users: Sequence[User], *, die_with_us: bool = True
) -> AsyncGenerator[tuple[Endpoint, "subprocess.Popen[bytes]"]]:
    """Run a mongod on `folder` for the length of the block.

    `folder` gets `data/`, `secrets/` (0700, files 0600) and `mongod.log`. Data written before is there
    again. Passwords stand in no argument and no environment. Raises `CannotStart`.
    """
    private_folder(folder)
    if lacks_space(folder):
        raise CannotStart(f"The embedded MongoDB cannot start: the disk is full ({folder}).")
    secrets = private_folder(folder / "secrets")
    for user in users:
        kept_secret(secrets / f"{user.name}.password")
    kept_secret(secrets / f"{ADMINISTRATOR}.password")
    kept_secret(secrets / "mongod.key", 500)
    make_private(folder)  # what an earlier release left may be wider
    server = _Server(binary, folder, die_with_us=die_with_us)
    if not (folder / "data").is_dir():
        await _initialise(server, secrets)
    process, port = await _start_on_loopback(server, folder, users)
    try:
        yield Endpoint(port, secrets), process
    finally:
        await _stop(process)


@dataclass(frozen=True, slots=True)
class _Server:
    """What every start of one mongod has in common."""

    binary: Path
    folder: Path
    die_with_us: bool

    def start(self, data: Path, *options: str) -> "subprocess.Popen[bytes]":
        """Start it; the log begins anew."""
        (self.folder / "mongod.log").unlink(missing_ok=True)
        command = [
            str(self.binary),
            "--dbpath", str(data),
            "--keyFile", str(self.folder / "secrets" / "mongod.key"),
            "--logpath", str(self.folder / "mongod.log"),
            *_OPTIONS,
            *options,
        ]  # fmt: skip
        with os.fdopen(
            os.open(self.folder / "mongod.out", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb"
        ) as output:
            return subprocess.Popen(  # noqa: S603 - our own arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                umask=0o077,
                start_new_session=True,  # the terminal's Ctrl-C is for us; we end it in turn
                preexec_fn=partial(die_with_parent, os.getpid()) if self.die_with_us else None,  # noqa: PLW1509 - the supervisor has one thread
            )

    def require_running(self, process: "subprocess.Popen[bytes]") -> None:
        """Go on only while it runs; raises `CannotStart` with the reason it ended for."""
        if process.poll() is not None:
            output = (self.folder / "mongod.out").read_text(errors="replace")
            reason = explain(self.folder / "mongod.log", output, self.folder)
            raise CannotStart(f"The embedded MongoDB ended: {reason}.")


async def _initialise(server: _Server, secrets: Path) -> None:
    """Make a data folder with its replica set and administrator; it gets its name only when complete."""
    draft = server.folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    with tempfile.TemporaryDirectory(prefix="jazzaam-") as private:  # short: a socket's path is limited
        path = f"{private}/mongod.sock"
        process = server.start(draft, "--bind_ip", path, "--unixSocketPrefix", private)
        try:
            where, password = quote(path, safe=""), (secrets / f"{ADMINISTRATOR}.password").read_text()
            async with _client(f"mongodb://{where}/?directConnection=true") as client:
                await _until_up(server, process, client)
                await client.admin.command(
                    "replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": path}]}
                )
                await _until_primary(server, process, client)
                await client.admin.command("createUser", ADMINISTRATOR, pwd=password, roles=["root"])
        finally:
            await _stop(process)
    draft.rename(server.folder / "data")


async def _start_on_loopback(
    server: _Server, folder: Path, users: Sequence[User]
) -> tuple["subprocess.Popen[bytes]", int]:
    """Start on the port of last time, or on a free one that the replica set is then told of."""
    remembered = folder / "mongod.port"
    wanted = int(remembered.read_text()) if remembered.is_file() else 0
    for _ in range(_PORT_TRIES):
        port = _free_port(wanted)
        wanted = 0
        process = server.start(
            folder / "data",
            "--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket",
            "--setParameter", "enableLocalhostAuthBypass=false",
        )  # fmt: skip
        try:
            await _until_serving(server, process, Endpoint(port, folder / "secrets"), users)
        except BaseException as error:
            await _stop(process)
            if isinstance(error, CannotStart) and "port is taken" in error.detail:
                continue
            raise
        write_private(remembered, str(port))
        return process, port
    raise CannotStart("The embedded MongoDB finds no free port.")


async def _until_serving(
    server: _Server, process: "subprocess.Popen[bytes]", endpoint: Endpoint, users: Sequence[User]
) -> None:
    async with _client(endpoint.uri(ADMINISTRATOR)) as client:
        await _until_up(server, process, client)
        await _tell_port(server, client, endpoint.port)
        await _until_primary(server, process, client)
        await bring_users(client, users, endpoint.secrets)


async def _tell_port(server: _Server, client: AsyncMongoClient[dict[str, Any]], port: int) -> None:
    """Let the replica set know where its only member is now."""
    host = f"127.0.0.1:{port}"
    config = await _replica_set_config(server, client)
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        await client.admin.command("replSetReconfig", config, force=True)


async def _replica_set_config(server: _Server, client: AsyncMongoClient[dict[str, Any]]) -> dict[str, Any]:
    """Read the replica set's configuration; a mongod that answers may not have loaded it yet."""
    async with _patience(server):
        while True:
            try:
                return (await client.admin.command("replSetGetConfig"))["config"]
            except OperationFailure as error:
                if error.code != _NOT_YET_INITIALIZED:
                    raise
            await asyncio.sleep(0.02)


async def _until_up(
    server: _Server, process: "subprocess.Popen[bytes]", client: AsyncMongoClient[dict[str, Any]]
) -> None:
    async with _patience(server):
        while True:
            server.require_running(process)
            try:
                await client.admin.command("ping")
            except ConnectionFailure:
                await asyncio.sleep(0.02)
            except OperationFailure as error:
                raise CannotStart(
                    f"The embedded MongoDB refuses its administrator ({error.code}): do the files in "
                    f"{server.folder / 'secrets'} belong to this data?"
                ) from None
            else:
                return


async def _until_primary(
    server: _Server, process: "subprocess.Popen[bytes]", client: AsyncMongoClient[dict[str, Any]]
) -> None:
    async with _patience(server):
        while True:
            server.require_running(process)
            with contextlib.suppress(PyMongoError):
                if (await client.admin.command("hello")).get("isWritablePrimary"):
                    return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _patience(server: _Server) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(_START_SECONDS):
            yield
    except TimeoutError:
        raise CannotStart(
            f"The embedded MongoDB was not ready after {_START_SECONDS} s; see {server.folder}/mongod.log"
        ) from None


async def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End it in order; one that does not end is killed, and replays its journal next time."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                while process.poll() is None:  # noqa: ASYNC110 - a process has no event
                    await asyncio.sleep(0.02)
    if process.poll() is None:
        process.kill()
    process.wait()


def _client(uri: str) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(uri, serverSelectionTimeoutMS=500, connectTimeoutMS=500)


def _free_port(wanted: int) -> int:
    """Give `wanted` (0 means any) when nobody listens there, else a port that is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
