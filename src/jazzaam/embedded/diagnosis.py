"""What a mongod that ended had to say, in one line."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

_KNOWN: Final = (
    ("Address already in use", "its port is taken"),
    ("UPGRADE PROBLEM", "the data was written by a newer version of MongoDB, or a much older one"),
    ("unsupported WiredTiger file version", "the data was written by a newer version of MongoDB"),
    (
        "Failed to start up WiredTiger under any compatibility version",
        "the data was written by a newer version of MongoDB, or a much older one",
    ),
    ("No space left on device", "the disk is full"),
    ("Read-only file system", "the file system is read-only"),
    ("Permission denied", "its files may not be read or written"),
    ("Insufficient free space", "the disk is full"),
    ("DBPathInUse", "another mongod is using the data"),
    ("error while loading shared libraries", "a system library is missing (apt install libcurl4)"),
)
_WORST: Final = ("F", "E")
_TAIL_BYTES: Final = 200_000
_NEEDED_BYTES: Final = 64 * 1024 * 1024


def explain(log: Path, output: str, folder: Path) -> str:
    """Say why mongod ended, from its log, what it printed, and the disk it writes to."""
    said = output + _tail(log)
    for sign, meaning in _KNOWN:
        if sign in said:
            return meaning
    if lacks_space(folder):
        return "the disk is full"
    return _last_complaint(said) or "it ended without saying why"


def lacks_space(folder: Path) -> bool:
    """Tell whether there is less room than a journal needs: 64 MiB."""
    return shutil.disk_usage(folder).free < _NEEDED_BYTES


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _last_complaint(said: str) -> str | None:
    for line in reversed(said.splitlines()):
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if entry.get("s") in _WORST:
            attributes: dict[str, Any] = entry.get("attr") or {}
            return f"{entry.get('msg')}: {attributes.get('error', '')}".strip(": ")[:300]
    return None
