"""Taking a port, with an error that its reader can act on."""

import socket

from jazzaam.errors import ConfigurationError


def listen_at(host: str, port: int, setting: str) -> socket.socket:
    """Listen at a TCP port; raises `ConfigurationError` in one line that names the setting."""
    listening: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()  # until then another could bind it too
    except OSError as error:
        if listening is not None:
            listening.close()
        raise ConfigurationError(
            f"Port {port} of {host} cannot be used ({error.strerror}): end what uses it, or set {setting}."
        ) from None
    return listening
