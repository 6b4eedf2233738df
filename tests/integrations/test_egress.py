"""No address of ours, nor of our network's, is reached through what somebody else says."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import socket
from contextlib import asynccontextmanager

import httpx2
import pytest

from jazzaam.integrations.egress import Egress, EgressRefused, is_public

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def answering(answer, *, pause=0.0):
    """A server that answers each connection with the same bytes; gives its port and what it was asked."""
    asked = []

    async def serve(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        with contextlib.suppress(ConnectionError):
            for piece in answer if isinstance(answer, list) else [answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


def http(body=b"hello", *headers, status=b"200 OK"):
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


async def get(url, **options):
    async with httpx2.AsyncClient(transport=Egress(**options), trust_env=False) as client:
        return await client.get(url)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),  # noqa: S104
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00::1"),
        *("192.0.0.192", "3fff::1"),
    ],
)
def test_an_address_that_is_not_of_the_internet(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"),
        *("169.254.169.254", "0.0.0.0", "[::]"),  # noqa: S104
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_machine_itself_is_not_reached_by_any_name(host, scheme):
    async with answering(http()) as (port, asked):
        with pytest.raises(EgressRefused):
            await get(f"{scheme}://{host}:{port}/")

    assert asked == []


async def test_a_network_that_is_allowed_is_reached():
    async with answering(http()) as (port, asked):
        answer = await get(f"http://localhost:{port}/path?q=1", allowed=(*LOOPBACK, *_v6_loopback()))

    assert answer.text == "hello"
    assert f"Host: localhost:{port}".encode() in asked[0]
    assert b"GET /path?q=1" in asked[0]


def _v6_loopback():
    return (ipaddress.ip_network("::1/128"),)


async def test_what_a_name_means_a_moment_later_does_not_matter(monkeypatch):
    """The first answer may be reached, the next may not: it is asked for once, and that one is used."""
    answers = iter(["127.0.0.1", "10.0.0.1", "10.0.0.1"])
    asked_for = []

    async def resolve(_self, host, port, **_kind):
        asked_for.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    async with answering(http()) as (port, _):
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
        answer = await get(f"http://rebinding.example:{port}/", allowed=LOOPBACK)

    assert answer.text == "hello"
    assert asked_for == ["rebinding.example"]


async def test_one_address_that_may_not_be_reached_is_enough(monkeypatch):
    async def resolve(_self, _host, port, **_kind):
        two = ("127.0.0.1", "10.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in two]

    async with answering(http()) as (port, asked):
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
        with pytest.raises(EgressRefused):
            await get(f"http://both.example:{port}/", allowed=LOOPBACK)

    assert asked == []


@pytest.mark.parametrize(
    "url", ["http://8.8.8.8/", "https://8.8.8.8:8443/", "https://8.8.8.8:22/", "http://8.8.8.8:443/"]
)
async def test_the_internet_is_reached_by_https_at_its_port_alone(url):
    with pytest.raises(EgressRefused):
        await get(url)


async def test_a_redirect_is_not_followed_by_itself_and_is_checked_when_it_is():
    place = b"Location: http://10.0.0.1/"
    async with answering(http(b"", place, status=b"302 Found")) as (port, _):
        answer = await get(f"http://127.0.0.1:{port}/", allowed=LOOPBACK)
        assert answer.status_code == 302
        transport = Egress(allowed=LOOPBACK)
        async with httpx2.AsyncClient(transport=transport, follow_redirects=True) as client:
            with pytest.raises(EgressRefused):
                await client.get(f"http://127.0.0.1:{port}/")


async def test_an_answer_that_is_too_long_is_cut_off():
    async with answering(http(b"x" * 5000)) as (port, _):
        with pytest.raises(EgressRefused):
            await get(f"http://127.0.0.1:{port}/", allowed=LOOPBACK, most_bytes=4999)
    async with answering(http(b"x" * 5000)) as (port, _):
        assert await get(f"http://127.0.0.1:{port}/", allowed=LOOPBACK, most_bytes=5000)


async def test_an_answer_that_grows_when_it_is_read_is_refused():
    bomb = gzip.compress(bytes(10_000_000))
    async with answering(http(bomb, b"Content-Encoding: gzip")) as (port, asked):
        with pytest.raises(EgressRefused):
            await get(f"http://127.0.0.1:{port}/", allowed=LOOPBACK)

    assert b"accept-encoding: identity" in asked[0].lower()


async def test_an_answer_that_drips_ends_in_time():
    head = http(b"x" * 1000).partition(b"x")[0]
    async with answering([head, *([b"x"] * 1000)], pause=0.05) as (port, _):
        with pytest.raises(httpx2.ReadTimeout):
            await get(f"http://127.0.0.1:{port}/", allowed=LOOPBACK, seconds=0.3)


async def test_a_server_that_says_nothing_ends_in_time():
    async with answering([b""], pause=30) as (port, _):
        with pytest.raises(httpx2.TimeoutException):
            await get(f"http://127.0.0.1:{port}/", allowed=LOOPBACK, seconds=0.3)


async def test_the_machines_proxy_settings_do_not_count(monkeypatch):
    async with answering(http(b"the proxy")) as (proxy, asked), answering(http(b"itself")) as (port, _):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        answer = await get(f"http://127.0.0.1:{port}/", allowed=LOOPBACK)

    assert answer.text == "itself"
    assert asked == []
