"""Why the embedded MongoDB cannot start; each fits in one line."""

from jazzaam.errors import ConfigurationError


class CannotStart(ConfigurationError):
    """The embedded MongoDB cannot start."""
