"""What can go wrong with a logo."""

from jazzaam.errors import InvalidInput, NotFound


class PictureRefused(InvalidInput):
    """This is no picture that can be a logo."""


class LogoNotFound(NotFound):
    """The company has no logo."""
