"""Pure: signed links in messages that acknowledge, approve or reject without signing in.

A link carries its verb, recipient and expiry, and is signed (HMAC-SHA256). Its verb takes effect
once, because the incident's state changes with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import NamedTuple

VERBS = ("acknowledge", "approve", "reject")
HOLDS = 86400.0
"""Seconds that a link holds."""


class Link(NamedTuple):
    """One verb for one incident, or for its action `action` (0 for none), made for `receiver`,
    until `until` (Unix seconds).
    """

    verb: str
    incident: int
    action: int
    receiver: str
    until: int


def write(key: bytes, link: Link) -> str:
    """Return the token of a link, fit for a path."""
    content = base64.urlsafe_b64encode(json.dumps(list(link)).encode()).rstrip(b"=")
    return f"{content.decode()}.{_signature(key, content)}"


def read(key: bytes, token: str, now: float) -> Link | None:
    """Return the link of a token; None for one that is not ours or holds no more."""
    content, _, signature = token.partition(".")
    raw = content.encode("ascii", "ignore")
    if not hmac.compare_digest(signature.encode(), _signature(key, raw).encode()):
        return None
    try:
        link = Link(*json.loads(base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))))
    except (ValueError, TypeError, binascii.Error):
        return None
    return link if now < link.until and link.verb in VERBS else None


def _signature(key: bytes, content: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.new(key, content, hashlib.sha256).digest()).rstrip(b"=").decode()
