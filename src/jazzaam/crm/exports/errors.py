"""What can go wrong with exports."""

from jazzaam.errors import NotFound


class ExportNotFound(NotFound):
    """There is no such export, or its file is not there: not yet, or not any more."""
