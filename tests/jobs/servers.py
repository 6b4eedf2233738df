"""Real brokers, Debian's, on loopback and ports of their own; killed and started again at will."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tests.processes import free_port

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
STARTS_IN_SECONDS = 60


class Server:
    """A broker's server, with a folder of its own."""

    package = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self._spawn(self.command())
        ends_at = time.monotonic() + STARTS_IN_SECONDS
        while not self._answers():
            assert time.monotonic() < ends_at, (self.folder / "out").read_text(errors="replace")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as kill -9 does, with all its children."""
        self._end(self._processes[-1:])

    def end(self) -> None:
        self._end(self._processes)

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self._processes = [one for one in self._processes if one.poll() is None]

    def _spawn(self, command: list[str], **variables: str) -> None:
        with (self.folder / "out").open("ab") as output:
            self._processes.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **variables},
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    start_new_session=True,
                )
            )  # fmt: skip

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Redis(Server):
    """Keeps nothing on disk: a kill loses every message."""

    package = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": self.folder,
        }
        return [
            "redis-server",
            "--dir",
            str(self.folder),
            *(part for name, value in options.items() for part in (f"--{name}", str(value))),
        ]


class Nats(Server):
    package = "nats-server"

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        found = shutil.which("nats-server") or "/usr/sbin/nats-server"
        return [found, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder / "js")]


class RabbitMQ(Server):
    package = "rabbitmq-server"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def command(self) -> list[str]:
        return [str(RABBITMQ)]

    def start(self) -> None:
        if not self._processes:
            self._epmd_port = free_port()
            self._spawn(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"])
            (self.folder / "plugins").write_text("[].")
        super().start()

    def _spawn(self, command: list[str], **variables: str) -> None:
        local = "-kernel inet_dist_use_interface {127,0,0,1}"
        super()._spawn(
            command,
            HOME=str(self.folder),
            ERL_EPMD_PORT=str(self._epmd_port),
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_NODENAME=f"jazzaam{self.port}@localhost",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_DIST_PORT=str(free_port()),
            RABBITMQ_MNESIA_BASE=str(self.folder / "mnesia"),
            RABBITMQ_LOG_BASE=str(self.folder / "log"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self.folder / "plugins"),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=local,
            **variables,
        )

    def _answers(self) -> bool:
        return (
            super()._answers()
            and b"completed" in (self.folder / "out").read_bytes().rpartition(b"Starting broker")[2]
        )


def is_here(server: type[Server]) -> bool:
    """Tell whether a server's package is installed."""
    if server is RabbitMQ:
        return RABBITMQ.exists() and shutil.which("epmd") is not None
    return shutil.which(server.package, path=f"{os.environ['PATH']}:/usr/sbin") is not None


def need(server: type[Server]) -> None:
    """Skip a test whose server is not installed."""
    if not is_here(server):
        pytest.skip(f"there is no {server.package}: apt install {server.package}")
