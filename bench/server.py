"""A real `jazzaam serve`, and the CPU it has used."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self


class ServerProcess:
    """The web process, started and ended with the block."""

    def __init__(self, data: Path, uri: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._environment = {
            **os.environ,
            "JAZZAAM_DATA_DIR": str(data),
            "JAZZAAM_MONGODB_URI": uri,
            "JAZZAAM_SECRET_KEY": "b" * 32,
            "JAZZAAM_PORT": str(self.port),
            "JAZZAAM_SUBMISSIONS_PER_NETWORK": str(10**9),
        }

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jazzaam", "serve"],
            env=self._environment,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise TimeoutError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def cpu_seconds(self) -> float:
        """Give the user and system time used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
