"""What can go wrong when the fleet is looked at."""

from jazzaam.errors import NotFound


class CompanyUnknown(NotFound):
    """There is no company of this id."""
