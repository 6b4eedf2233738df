"""Answers of the exports' routes."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from jazzaam.crm.exports.models import ExportStatus
from jazzaam.web.input import Output


class ExportOut(Output):
    """An export, and what it has come to. `id` is its job's too."""

    id: str
    status: ExportStatus
    requested_by: str
    created_at: datetime
    expires_at: datetime
    bytes: int | None = None
    documents: int | None = None
    url: Annotated[
        str | None,
        Field(description="Where its file is, for ten minutes, for who was given this address."),
    ] = None


class ExportList(Output):
    """The newest first."""

    items: list[ExportOut]


class ExportRef(Output):
    """An export that was asked for, and its job: both have one id."""

    id: str
    job_id: str
