"""Where a request comes from: its address behind proxies that are trusted, its program, its id."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from fastapi import Request

Network = IPv4Network | IPv6Network
_LONGEST_AGENT: Final = 300
_MOST_HOPS: Final = 20
_HOUSEHOLD: Final = 64
_SITE: Final = 48
_LONGEST_ADDRESS: Final = 100
_REMEMBERED: Final = 4_096
"""Addresses, and as many names of networks: who asks once often asks again. Some 300 bytes each."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks in CIDR notation; raises `ValueError`."""
    return tuple(ip_network(text.strip()) for text in texts)


def address_of(request: Request) -> str:
    """Give the caller's IP address, or `unknown`.

    It is the peer's, unless that is one of the proxies we trust: then the last address of
    `X-Forwarded-For` that is none of them. What a stranger writes into that header counts for nothing,
    since a proxy adds behind it whom it heard.
    """
    peer = _parsed(request.client.host if request.client else "")
    if peer is None:
        return "unknown"
    trusted: Sequence[Network] = request.app.state.trusted_proxies
    if not _is_in(peer, trusted):
        return str(peer)
    for text in reversed(_hops(request)):
        hop = _parsed(text)
        if hop is None:
            break
        peer = hop
        if not _is_in(hop, trusted):
            break
    return str(peer)


def network_of(request: Request) -> str:
    """Name the caller's network: the IPv4 address, or the IPv6 /64, which is one household's."""
    return _network(_parsed(address_of(request)), _HOUSEHOLD)


def network_named(address: str) -> str:
    """Name the network of an address that `address_of` gave; empty for none."""
    return _network(_parsed(address), _HOUSEHOLD) if address else ""


def networks_of(request: Request) -> tuple[str, str | None]:
    """Name the caller's network, and of an IPv6 address also the /48, which is one customer's at most."""
    address = _parsed(address_of(request))
    site = _network(address, _SITE) if isinstance(address, IPv6Address) else None
    return _network(address, _HOUSEHOLD), site


def site_of(request: Request) -> str:
    """Name the largest network that one customer has: the IPv4 address, or the IPv6 /48."""
    return _network(_parsed(address_of(request)), _SITE)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Check whether a peer's address is that of a proxy of ours."""
    address = _parsed(peer)
    return address is not None and _is_in(address, trusted)


def site_named(peer: str) -> str:
    """Name the largest network that one customer has, by a peer's address."""
    return _network(_parsed(peer), _SITE)


@lru_cache(_REMEMBERED)
def _network(address: IPv4Address | IPv6Address | None, bits: int) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, bits), strict=False))
    return str(address or "unknown")


def agent_of(request: Request) -> str:
    """Give what the caller's program calls itself, cut at 300 characters."""
    return request.headers.get("user-agent", "")[:_LONGEST_AGENT]


def request_id_of(request: Request) -> str:
    """Give the request's id, which its log line and its answer carry too."""
    return str(request.scope.get("jazzaam.request_id", ""))


def _hops(request: Request) -> list[str]:
    said = ",".join(request.headers.getlist("x-forwarded-for"))
    return [hop.strip() for hop in said.split(",") if hop.strip()][-_MOST_HOPS:]


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    return _parsed_short(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(_REMEMBERED)
def _parsed_short(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: IPv4Address | IPv6Address, some: Sequence[Network]) -> bool:
    return any(address in network for network in some)
