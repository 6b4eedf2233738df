"""What can go wrong with a lead."""

from jazzaam.errors import Conflict, NotFound, PreconditionFailed


class LeadNotFound(NotFound):
    """There is no such lead."""


class LeadExists(Conflict):
    """This platform's profile is a lead already."""


class LeadChanged(PreconditionFailed):
    """The lead has been changed since you read it; read it again."""
