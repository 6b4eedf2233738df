"""What can go wrong with a company."""

from jazzaam.errors import PreconditionFailed


class CompanyChanged(PreconditionFailed):
    """The company has been changed since you read it; read it again."""
