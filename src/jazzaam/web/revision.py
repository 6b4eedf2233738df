"""`ETag` and `If-Match`: a resource's revision, as HTTP says it (RFC 9110)."""

import re
from typing import Annotated, Final

from fastapi import Depends, Header

from jazzaam.errors import FieldError, InvalidInput, PreconditionFailed

_OURS: Final = re.compile(r'(?:W/)?"(\d{1,18})"')
_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e]*"'
_TAGS: Final = re.compile(rf"{_TAG}(?:\s*,\s*{_TAG})*")


def etag(revision: int | None) -> str:
    """Write a revision as an entity tag; something never edited has revision 0."""
    return f'"{revision or 0}"'


async def _required_revision(
    if_match: Annotated[
        str | None, Header(description="The `ETag` you read; `*` for any.", max_length=200)
    ] = None,
) -> int | None:
    """Return the revision that `If-Match` asks for, or None when any will do.

    A weak tag counts as ours: a proxy that compresses makes one of it, and a revision names what it did
    before. Raises `PreconditionFailed` for a tag that we never wrote, `InvalidInput` for what is none, and
    for several, of which one alone could be what was read.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _OURS.fullmatch(if_match.strip())
    if found is not None:
        return int(found[1])
    if _TAGS.fullmatch(if_match.strip()) is None:
        raise _refused("is no entity tag, nor `*`")
    if "," in if_match:
        raise _refused("names several; send the `ETag` of the one you read")
    raise PreconditionFailed


def _refused(message: str) -> InvalidInput:
    return InvalidInput([FieldError("/header/If-Match", "entity_tag", message)])


RequiredRevision = Annotated[int | None, Depends(_required_revision)]
