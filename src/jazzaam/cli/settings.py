"""How a command gets its settings."""

from jazzaam.config import Settings, read_settings, unknown_variables
from jazzaam.logging import configure_logging, get_logger


def settings_of() -> Settings:
    """Read the settings, begin to log, and point out variables that name no setting.

    Raises `ConfigurationError`.
    """
    settings = read_settings()
    configure_logging(json=settings.log_json or settings.production)
    for name in unknown_variables():
        get_logger(__name__).warning("settings.unknown_variable", name=name)
    return settings
