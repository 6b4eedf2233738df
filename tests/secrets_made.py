"""Every secret that the suite makes, and every line that is logged: none is found in the other."""

from __future__ import annotations

import email
import json
import re
from email import policy
from pathlib import Path
from typing import Any

import httpx2

SENT = {
    *("password", "newPassword", "oldPassword", "code", "token", "refreshToken"),
    *("registrationToken", "signInToken"),
}
ANSWERED = {
    *("accessToken", "refreshToken", "registrationToken", "signInToken", "key", "secret"),
    *("recoveryCodes", "otpauthUri"),
}
LINK = re.compile(r"(?:#token=|link=)([A-Za-z0-9_=-]{20,})")
CODE = re.compile(r"Your Jazzaam code is (\d{6})")
SHORTEST = 6
FEWEST_CHARACTERS = 2


class SecretsMade:
    """What must not be logged, and what was."""

    def __init__(self, log: Path) -> None:
        self.secrets: set[str] = set()
        self.log = log

    async def see(self, response: httpx2.Response) -> None:
        """Learn the secrets of one exchange; none of those that were sent comes back in an error."""
        sent = _values(_sent(response.request), SENT)
        for name in ("authorization", "x-api-key"):
            sent |= {value.removeprefix("Bearer ") for value in [response.request.headers.get(name, "")]}
        sent = {secret for secret in sent if len(secret) >= SHORTEST}
        self.secrets |= sent
        media_type = response.headers.get("content-type", "")
        if "json" not in media_type:
            return
        await response.aread()
        if response.status_code >= 400:
            told = [secret for secret in sent if secret in response.text]
            assert not told, f"{response.request.url.path} tells what it was sent"
        self.secrets |= _values(_json(response.content), ANSWERED)
        self.secrets |= set(LINK.findall(response.text))

    def read_mails(self, folder: Path) -> None:
        """Learn the secrets of the mails that were sent."""
        for path in folder.glob("*/outbox/*.eml"):
            mail = email.message_from_bytes(path.read_bytes(), policy=policy.default)
            body = mail.get_body()
            text = body.get_content() if body is not None else ""
            self.secrets |= set(LINK.findall(text)) | set(CODE.findall(text))

    def leaked(self) -> list[str]:
        """List the lines of the log that hold a secret; one letter again and again, as tests send, is none.

        A code of six digits may be part of a number that is none: it counts as a word of its own.
        """
        logged = self.log.read_text() if self.log.exists() else ""
        long = sorted(secret for secret in self.secrets if len(set(secret)) >= FEWEST_CHARACTERS)
        found = [secret for secret in long if secret in logged]
        certain = [one for one in found if not one.isdigit() or re.search(rf"[= ]{one}\b", logged)]
        return [line for line in logged.splitlines() if any(secret in line for secret in certain)]


def _sent(request: httpx2.Request) -> Any:
    try:
        return _json(request.content)
    except httpx2.RequestNotRead:
        return None


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _values(found: Any, names: set[str]) -> set[str]:
    """Give the texts under some names, at any depth."""
    if isinstance(found, list):
        return set().union(*(_values(one, names) for one in found))
    if not isinstance(found, dict):
        return set()
    texts: set[str] = set()
    for name, value in found.items():
        if name in names:
            several = value if isinstance(value, list) else [value]
            texts |= {one for one in several if isinstance(one, str) and len(one) >= SHORTEST}
        else:
            texts |= _values(value, names)
    return texts
