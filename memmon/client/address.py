"""Pure: which address a request comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def canonical(text: str) -> str | None:
    """Return the canonical form of an address (IPv4-mapped IPv6 becomes IPv4), or None for invalid
    text.
    """
    try:
        ip = ipaddress.ip_address(text.strip().strip("[]").split("%", 1)[0])
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks named by `texts`; raise ValueError for invalid text."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def of_client(peer: str, forwarded: str, proxies: Sequence[Network]) -> str | None:
    """Return the client's address: the right-most hop that is no trusted proxy.

    `forwarded` is X-Forwarded-For; it is believed only as far as trusted proxies wrote it. A hop
    that is no address ends the belief: the proxy that passed it on is then the client.
    """
    address = canonical(peer)
    hops = [hop for hop in forwarded.split(",") if hop.strip()]
    while address and hops and _is_one_of(address, proxies):
        hop = canonical(hops.pop())
        if hop is None:
            break
        address = hop
    return address


def _is_one_of(address: str, proxies: Sequence[Network]) -> bool:
    ip = ipaddress.ip_address(address)
    return any(ip in network for network in proxies)
