import socket

import pytest
from tests.processes import free_port

from jazzaam.errors import ConfigurationError
from jazzaam.web.listening import listen_at


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_port_is_had_by_one_alone(host):
    port = free_port()
    with listen_at(host, port, "JAZZAAM_PORT") as first:
        assert first.proto == socket.IPPROTO_TCP
        with pytest.raises(ConfigurationError, match=f"Port {port} of {host} .* set JAZZAAM_PORT"):
            listen_at(host, port, "JAZZAAM_PORT")
    listen_at(host, port, "JAZZAAM_PORT").close()


def test_a_host_that_is_none_is_one_line():
    with pytest.raises(ConfigurationError):
        listen_at("no.such.host.invalid", free_port(), "JAZZAAM_PORT")
