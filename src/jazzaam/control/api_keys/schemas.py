"""Bodies and answers of the API key routes."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from jazzaam.control.memberships.permissions import Permission
from jazzaam.web.input import ON_ONE_LINE, Input, Output


class ApiKeyCreate(Input):
    """A key to make."""

    name: Annotated[str, Field(min_length=1, max_length=100), ON_ONE_LINE]
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=50)]
    expires_at: Annotated[AwareDatetime | None, Field(description="Default: never.")] = None


class ApiKeyOut(Output):
    """A key, without itself."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ApiKeyMade(ApiKeyOut):
    """A key with itself: shown once."""

    key: str


class ApiKeyList(Output):
    """All keys of the company, the newest first."""

    items: list[ApiKeyOut]
