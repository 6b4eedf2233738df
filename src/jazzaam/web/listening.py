"""Taking a port, with an error that its reader can act on."""

import socket

from jazzaam.errors import ConfigurationError


def listen_at(host: str, port: int, setting: str) -> socket.socket:
    """Bind a TCP port; raises `ConfigurationError` in one line that names the setting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"Port {port} of {host} cannot be used ({error.strerror}): end what uses it, or set {setting}."
        ) from None
    return listening
