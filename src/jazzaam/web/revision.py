"""`ETag` and `If-Match`: a resource's revision, as HTTP says it (RFC 9110)."""

import re
from typing import Annotated, Final

from fastapi import Depends, Header

from jazzaam.errors import FieldError, InvalidInput, PreconditionFailed

_STRONG: Final = re.compile(r'"(\d{1,18})"')
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
    """Give the revision that `If-Match` asks for, or None when any will do.

    Raises `PreconditionFailed` for a tag that we never wrote, `InvalidInput` for what is none.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _STRONG.fullmatch(if_match.strip())
    if found is None and _TAGS.fullmatch(if_match.strip()) is None:
        raise InvalidInput([FieldError("/header/If-Match", "entity_tag", "is no entity tag, nor `*`")])
    if found is None:
        raise PreconditionFailed
    return int(found[1])


RequiredRevision = Annotated[int | None, Depends(_required_revision)]
