"""Exports as they are stored: who asked for one, and when. What it has come to is its job's."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from jazzaam.tenancy.collections import CollectionSpec

EXPORTS: Final = CollectionSpec("exports", derived=True, at_first_use=True)
"""{_id: the job's, requestedBy: {kind, id}, createdAt, expiresAt, files, fileId, usedLinks}.

`files` are all that were begun for it, `fileId` is the one that is whole.
`usedLinks` are the links with which it was fetched.
"""

EXPORT_LASTS: Final = timedelta(days=7)
"""How long a finished export can be fetched."""
LINK_LASTS: Final = timedelta(minutes=10)
"""How long the link to its file is good for beginning to fetch it, once."""
MOST_KEPT: Final = 3
"""How many exports a company has at once; another takes the place of the oldest."""


class ExportStatus(StrEnum):
    """What an export has come to; `ended` is one whose asker may not have it any more."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    ended = "ended"
