"""The one door for HTTP going out: time limits, a size cap, no redirects, no private addresses
unless allowed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp

from memmon import encode
from memmon.errors import Permanent, Refused, Transient

MAX_ANSWER_BYTES = 1 << 20
USER_AGENT = "memmon"


class Response(NamedTuple):
    """What the other side answered; `headers` are found in any case, `body` is cut at 1 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_public(address: str) -> bool:
    """Tell whether `address` is an IP address of the open internet."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global


def request(
    method: str,
    url: str,
    *,
    json: Any = None,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,  # the whole exchange's limit, in seconds.
    allow_private: bool = False,
    tls: ssl.SSLContext | None = None,
    proxy: str | None = None,
    unix: str | None = None,
) -> Response:
    """Return the response of one request with any status. `tls` configures certificate checks,
    `proxy` is a forward proxy, and `unix` a local socket that the operator configured.

    Raises Transient for network failures and timeouts, Refused for a private destination that is
    not allowed, Permanent for an invalid URL.
    """
    how: dict[str, Any] = {"proxy": proxy} | ({"ssl": tls} if tls else {})
    return asyncio.run(_request(method, url, json, data, headers or {}, timeout, allow_private, how, unix))


async def _request(
    method: str,
    url: str,
    json: Any,
    data: bytes | None,
    headers: Mapping[str, str],
    seconds: float,
    allow_private: bool,
    how: dict[str, Any],
    unix: str | None,
) -> Response:
    sent = {"User-Agent": USER_AGENT, **headers}
    if json is not None:
        data = encode.dumps(json).encode()
        sent.setdefault("Content-Type", "application/json")
    # Addresses are tried one after the other: parallel attempts would lose a refusal.
    guard: dict[str, Any] = {} if allow_private else {"socket_factory": _open, "happy_eyeballs_delay": None}
    connector = aiohttp.UnixConnector(unix) if unix else aiohttp.TCPConnector(**guard, force_close=True)
    limit = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limit) as session,
            session.request(method, url, data=data, headers=sent, allow_redirects=False, **how) as answer,
        ):
            return Response(answer.status, answer.headers, await _body(answer.content))
    except aiohttp.InvalidURL as error:
        raise Permanent(f"{url}: not an address: {error}") from error
    except TimeoutError as error:
        raise Transient(f"{_host(url)}: no answer within {seconds:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Transient(f"{_host(url)}: {error or type(error).__name__}") from error


async def _body(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    left = MAX_ANSWER_BYTES
    # The bytes received so far, possibly incomplete.
    while left > 0 and (part := await content.read(left)):
        chunks.append(part)
        left -= len(part)
    return b"".join(chunks)


def _open(to: aiohttp.AddrInfoType) -> socket.socket:
    """Open a socket for a public address. The connected address is checked, regardless of the URL's
    spelling and of earlier DNS answers.
    """
    family, kind, protocol, _, address = to
    if not is_public(str(address[0])):
        raise Refused(f"{address[0]} is a private address, which is not allowed here")
    return socket.socket(family, kind, protocol)


def _host(url: str) -> str:
    """The host alone: a webhook's path is often its secret."""
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1].rsplit(":", 1)[0]
