"""What the web needs of whoever counts requests."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Protocol

from fastapi import Request


class RateLimits(Protocol):
    """Counts in a store that all processes share."""

    async def spend(self, name: str, key: str, *, limit: int, seconds: int) -> None:
        """Count one use of `name` by `key`; raises `TooManyRequests` over `limit` in `seconds`."""
        ...


def network_of(request: Request) -> str:
    """Name the caller's network: the IPv4 address, or the IPv6 /64, which is one household's.

    The peer of the connection counts; a header that anybody can send does not.
    """
    host = request.client.host if request.client else ""
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)
