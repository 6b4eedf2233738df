"""Bodies and answers of support access."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from jazzaam.web.input import Input, Output


class SupportGrantCreate(Input):
    """Whom to let look, and why."""

    reason: Annotated[str, Field(min_length=3, max_length=500)]
    minutes: Annotated[int, Field(ge=5, le=240, description="At most four hours.")] = 60


class SupportGrantOut(Output):
    """A grant; over when `endsAt` is past."""

    id: str
    reason: str
    granted_by: str
    created_at: datetime
    ends_at: datetime


class SupportGrantList(Output):
    """All of them, the newest first."""

    items: list[SupportGrantOut]
