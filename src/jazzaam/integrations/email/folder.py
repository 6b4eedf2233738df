"""Mail for development: a file for each, in a folder."""

import asyncio
import os
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from bson import ObjectId

from jazzaam.logging import get_logger

log = get_logger(__name__)


class FolderMailer:
    """Writes `*.eml` files that only their owner can read; the log names the file, not what is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Write one mail; its name begins with the time, so the newest is the last."""
        path = await asyncio.to_thread(self._write, message.as_bytes())
        log.info("mail.written", file=str(path))

    async def check(self) -> str:
        """Say where mails are written."""
        return f"written to {self._folder}, and sent to nobody"

    def _write(self, content: bytes) -> Path:
        for folder in (self._folder.parent, self._folder):  # a mode holds for the last one made alone
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{ObjectId()}.eml"
        path = self._folder / name
        draft = path.with_suffix(".part")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
        draft.rename(path)
        return path
