"""Looking at real processes: what runs, what it listens on, what it was given."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something another process does; fails after `seconds`."""
    ends_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends_at, f"it did not happen within {seconds} s"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(pid: int) -> dict[str, int]:
    """Name the children of a process: mongod, serve, worker, demo."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid and fields[0] != "Z":
                    arguments = (folder / "cmdline").read_bytes().split(b"\0")
                    name = "mongod" if b"mongod" in arguments[0] else arguments[3].decode()
                    found[name] = int(folder.name)
    return found


def listening_tcp(pid: int) -> list[int]:
    """List the TCP ports a process listens on."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()))
    ports = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports


def environment(**settings: str) -> dict[str, str]:
    """Give a clean environment with these settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAZZAAM_")}
    return {**kept, **{f"JAZZAAM_{name}": value for name, value in settings.items()}}


@contextmanager
def jazzaam(*arguments: str, log: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a `jazzaam` command for the length of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jazzaam", *arguments],
            env=environment(**settings),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
