"""Origin of a request: this machine, a proxy, memmon's own page, or a foreign page."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from flask import request

from memmon.settings import Settings

PROXY_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def is_local(settings: Settings) -> bool:
    """Tell whether the request comes from this machine, not through a proxy, and means it by its
    name.

    A foreign page whose name was made to resolve here (DNS rebinding) sends that name as Host.
    """
    if any(name in request.headers for name in PROXY_HEADERS) or not _is_loopback(request.remote_addr or ""):
        return False
    host = (parse_url(f"//{request.host}").hostname or "").lower()
    configured = {settings.dashboard_host.lower(), (parse_url(settings.external_url or "").hostname or "").lower()}
    return host == "localhost" or host in configured or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return bool((getattr(ip, "ipv4_mapped", None) or ip).is_loopback)


def is_same_origin(settings: Settings) -> bool:
    """Return True if a browser's request comes from memmon's own page; other clients send no
    Origin.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    own_hosts = {request.host.lower(), parse_url(settings.external_url or "").netloc.lower()}
    return parse_url(origin).netloc.lower() in own_hosts - {""}


def parse_url(url: str) -> SplitResult:
    """Return the components of a URL from a request, empty ones for an invalid URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
