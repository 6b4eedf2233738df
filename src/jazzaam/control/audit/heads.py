"""Where the heads of the chains are told, outside MongoDB: a file to which lines are added.

Whoever can change the database cannot change what was told before: a chain that was cut off, or written
anew, differs from it. Keep the file where the database's administrators cannot write.
"""

import asyncio
import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a company's chain at a time; `company` is empty for the chain of no company."""

    at: str
    company: str
    seq: int
    code: str


class HeadsFile:
    """JSON lines, one a head; each call adds whole lines and waits until they are on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def tell(self, heads: Iterable[Head]) -> None:
        """Add heads; raises `OSError`."""
        lines = "".join(json.dumps(asdict(head)) + "\n" for head in heads)
        if lines:
            await asyncio.to_thread(self._append, lines.encode())

    async def check(self) -> str:
        """Look whether heads can be added, and leave nothing behind; raises `OSError`."""
        written = self.path if self.path.exists() else self.path.parent
        written.stat()
        if not os.access(written, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(written))
        return f"can be added to {self.path}"

    def told(self) -> Iterator[Head]:
        """Read all heads, the oldest first; raises `OSError`, and `ValueError` for a line that is none."""
        if not self.path.exists():
            return
        with self.path.open() as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield Head(**json.loads(line[:_LONGEST_LINE]))
                except (TypeError, ValueError):
                    raise ValueError(f"{self.path}: line {number} is no head of a chain") from None

    def _append(self, lines: bytes) -> None:
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            while lines:
                lines = lines[os.write(descriptor, lines) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
