"""Identifiers and random tokens: how they are made, and what they look like."""

import re
import secrets
from typing import Final

from bson import ObjectId

OBJECT_ID_PATTERN: Final = r"^[0-9a-f]{24}$"
"""Every id on the wire: 24 lower-case hex digits."""

PUBLIC_TOKEN_PATTERN: Final = r"^[0-9a-f]{64}$"  # noqa: S105 - the shape of a token, not one
"""A form's access token: 64 lower-case hex digits, 256 bits."""

_OBJECT_ID = re.compile(OBJECT_ID_PATTERN)
_PUBLIC_TOKEN = re.compile(PUBLIC_TOKEN_PATTERN)


def is_object_id(text: str) -> bool:
    """Tell whether `text` is an id as we write them; upper case is not."""
    return _OBJECT_ID.fullmatch(text) is not None


def is_public_token(text: str) -> bool:
    """Tell whether `text` has the shape of a form's access token."""
    return _PUBLIC_TOKEN.fullmatch(text) is not None


def new_id() -> ObjectId:
    """Make an id, unique without asking a server."""
    return ObjectId()


def new_public_token() -> str:
    """Make a token nobody can guess."""
    return secrets.token_hex(32)
