"""Files that nobody else may read, and a folder that only one process uses."""

import contextlib
import fcntl
import os
import secrets
import stat
from pathlib import Path
from typing import IO

from jazzaam.embedded.errors import CannotStart


def private_folder(folder: Path) -> Path:
    """Make a folder that is ours alone (0700), or check that it is.

    Raises `CannotStart` when others may enter it, or when it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise CannotStart(f"The folder {folder} cannot be used: {error.strerror}.") from None
    if found.st_uid != os.geteuid():
        raise CannotStart(f"The folder {folder} belongs to another user.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise CannotStart(f"Others may enter {folder}; make it private: chmod 700 {folder}")
    return folder


def kept_secret(path: Path, size_bytes: int = 32) -> str:
    """Give the secret in a file that only we can read (0600), made at first use; hex digits.

    It appears whole or not at all, so a crash never leaves an empty secret behind.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            write_private(draft, secrets.token_hex(size_bytes))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        except OSError as error:
            raise CannotStart(f"The file {path} cannot be written: {error.strerror}.") from None
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else can read it at any moment."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def make_private(folder: Path) -> None:
    """Take from everybody else what they may do with the files below a folder of ours."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a server may be removing it
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o077 and not path.is_symlink():
                path.chmod(mode & ~0o077)


def lock_folder(folder: Path) -> IO[str]:
    """Hold the folder for this process until the file returned is closed.

    Raises `CannotStart` when another process holds it.
    """
    try:
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise CannotStart(f"The folder {folder} cannot be written: {error.strerror}.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CannotStart(f"Another Jazzaam is running on {folder}.") from None
    return file
