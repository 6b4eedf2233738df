"""The way out: every request whose address a customer, a visitor or a vendor's answer can influence.

A name is resolved here, its addresses are checked, and the connection goes to the address that was checked:
what the name resolves to a moment later does not matter. Each redirect that somebody follows comes through
here again. Nothing is read from the machine's proxy settings.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

import httpx2

from jazzaam.errors import Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(one) for one in ("64:ff9b::/96", "192.0.0.0/24", "3fff::/20")
)
"""Beside what the library knows: IPv4 behind a translator (RFC 6052), assignments, documentation."""
_HTTPS: Final = 443
_MOST_ADDRESSES: Final = 16


class OutsideUnavailable(Unavailable):
    """Somebody else's service cannot be reached just now; try again in a moment."""


class EgressRefused(httpx2.RequestError):
    """An address that nobody of ours may be sent to, or an answer beyond its bounds."""


class Egress(httpx2.AsyncBaseTransport):
    """A transport that reaches the internet over https at port 443, and the networks that are `allowed`.

    In those any port will do, and plain http. An exchange takes `seconds` at most, an answer `most_bytes`;
    answers come uncompressed, so none grows when it is read. A connection is used once: another name at the
    same address has another certificate.
    """

    def __init__(
        self, *, allowed: Sequence[Network] = (), seconds: float = 10, most_bytes: int = 1_000_000
    ) -> None:
        self._allowed = tuple(allowed)
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._inner = httpx2.AsyncHTTPTransport(
            trust_env=False, retries=0, limits=httpx2.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make one request; raises `EgressRefused`, and what `httpx2` raises."""
        ends_at = time.monotonic() + self._seconds
        host = request.url.host
        try:
            async with asyncio.timeout_at(_loop_time(ends_at)):
                address = await self._checked(request.url)
                headers = request.headers.copy()
                headers["Accept-Encoding"] = "identity"
                going = httpx2.Request(
                    request.method,
                    request.url.copy_with(host=str(address)),
                    headers=headers,
                    stream=request.stream,
                    extensions={**request.extensions, "sni_hostname": host},
                )
                answer = await self._inner.handle_async_request(going)
        except TimeoutError:
            raise httpx2.ConnectTimeout("too slow", request=request) from None
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            await answer.aclose()
            raise EgressRefused("a compressed answer", request=request)
        answer.stream = _Bounded(answer, request, ends_at, self._most_bytes)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _checked(self, url: httpx2.URL) -> Address:
        """Give an address of the host, when every one of them may be reached; raises `EgressRefused`."""
        port = url.port or (_HTTPS if url.scheme == "https" else 80)
        found = await _addresses(url.host, port)
        for address in found:
            if not self._may_reach(address, url.scheme, port):
                raise EgressRefused("an address that may not be reached")
        return found[0]

    def _may_reach(self, address: Address, scheme: str, port: int) -> bool:
        if any(address.version == network.version and address in network for network in self._allowed):
            return scheme in ("http", "https")
        return scheme == "https" and port == _HTTPS and is_public(address)


class _Bounded(httpx2.AsyncByteStream):
    """An answer's body, until it is too long or too late."""

    def __init__(
        self, answer: httpx2.Response, request: httpx2.Request, ends_at: float, most_bytes: int
    ) -> None:
        self._stream = answer.stream
        self._request = request
        self._ends_at = ends_at
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read piece by piece; raises `EgressRefused`, `ReadTimeout`."""
        assert isinstance(self._stream, httpx2.AsyncByteStream)  # noqa: S101 - an asynchronous transport's
        pieces, taken = aiter(self._stream), 0
        while True:
            try:
                async with asyncio.timeout_at(_loop_time(self._ends_at)):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise httpx2.ReadTimeout("too slow", request=self._request) from None
            taken += len(piece)
            if taken > self._most_bytes:
                raise EgressRefused("too long an answer", request=self._request)
            yield piece

    async def aclose(self) -> None:
        """Give the connection back."""
        assert isinstance(self._stream, httpx2.AsyncByteStream)  # noqa: S101 - the same
        await self._stream.aclose()


def is_public(address: Address) -> bool:
    """Tell an address of the internet from one of a machine, a private network, or of many at once."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        hidden = address.sixtofour is not None or address.teredo is not None
        if hidden or address.is_site_local:
            return False
    if any(address.version == network.version and address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _addresses(host: str, port: int) -> list[Address]:
    """Resolve a host as the machine does; raises `EgressRefused` when it has no address."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise EgressRefused("a host without an address") from None
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found))
    if not addresses:
        raise EgressRefused("a host without an address")
    return addresses[:_MOST_ADDRESSES]


def _loop_time(ends_at: float) -> float:
    """Give a monotonic time as the running loop counts."""
    return asyncio.get_running_loop().time() + (ends_at - time.monotonic())
