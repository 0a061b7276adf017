"""Addresses to listen on: which are free, and which the outside can reach."""

from __future__ import annotations

import errno
import ipaddress
import socket

import psutil

from memmon.errors import BadConfig, Conflict


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def free_port(host: str, port: int) -> int:
    """Return `port` if it is free on `host`, for 0 any free port; raise Conflict for a used port,
    BadConfig for a forbidden one.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except OSError as error:
        raise BadConfig(f"MEMMIMIC_DASHBOARD_HOST: {host}: {error.strerror}") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except PermissionError:
            raise BadConfig(
                f"MEMMIMIC_DASHBOARD_PORT: {port} may not be used by this user; allowed: 1024-65535"
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    f"MEMMIMIC_DASHBOARD_PORT: {port} on {host} is in use by {_who(port)}; "
                    f"set another one, or 0 for any that is free"
                ) from None
            raise BadConfig(f"MEMMIMIC_DASHBOARD_HOST: {host}: {error.strerror}") from None
        return int(probe.getsockname()[1])


def _who(port: int) -> str:
    """Return which process listens on `port`, as far as this user may know."""
    for connection in psutil.net_connections("tcp"):
        if (
            connection.pid
            and connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == port
        ):
            return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another program (`ss -ltnp`, as root, names it)"


def bound(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def local_url(host: str, port: int) -> str:
    """Return the URL at which this machine reaches what listens on `host`."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return f"http://{bound(anywhere.get(host, host), port)}"
