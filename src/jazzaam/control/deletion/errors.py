"""What can go wrong with the end of a company."""

from jazzaam.errors import Conflict


class NotRestorable(Conflict):
    """Its owner did not delete this company, or its erasure has begun."""
