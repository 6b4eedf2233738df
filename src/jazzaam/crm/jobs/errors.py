"""What can be wrong with a job that is asked for."""

from jazzaam.errors import NotFound


class JobNotFound(NotFound):
    """There is no such job; one that ended is forgotten after some days."""
