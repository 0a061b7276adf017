"""Pure: addresses, and which of them may be blocked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

DOCUMENTATION = tuple(
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
"""They stand for the internet in tests and in the demo (RFC 5737, RFC 3849)."""


def canonical(text: str) -> str:
    """Return the one spelling of an address; an IPv4 one inside IPv6 is the IPv4 one. ValueError
    for anything else.
    """
    ip = ipaddress.ip_address(text.strip().strip("[]").split("%", 1)[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return str(mapped or ip)


def why_never(text: str, allow: Iterable[str], proxies: Iterable[str], own_networks: Iterable[str]) -> str | None:
    """Return why the address `text` must never be blocked, or None when it may be."""
    try:
        ip = ipaddress.ip_address(canonical(text))
    except ValueError:
        return f"{text!r} is not an IP address"
    if ip.is_loopback:
        return f"{ip} is a loopback address"
    for reason, networks in (("allow-listed", allow), ("a trusted proxy", proxies), ("this host's own", own_networks)):
        if any(ip in ipaddress.ip_network(network, strict=False) for network in networks):
            return f"{ip} is {reason}"
    if any(ip in network for network in DOCUMENTATION):
        return None
    if ip.is_multicast or ip.is_unspecified or ip.is_link_local or ip.is_reserved:
        return f"{ip} is no address of a single outside host"
    return None if ip.is_global else f"{ip} is a private address"
