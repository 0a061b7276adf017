import os
import socket

import pytest

from memmon.errors import BadConfig, Conflict
from memmon.stack import address


def test_a_port_in_use_is_refused_with_the_settings_name() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            Conflict, match=f"MEMMIMIC_DASHBOARD_PORT: {port} on 127.0.0.1 is in use by process {os.getpid()} "
        ):
            address.free_port("127.0.0.1", port)


def test_port_0_is_any_that_is_free() -> None:
    port = address.free_port("127.0.0.1", 0)
    assert address.free_port("127.0.0.1", port) == port


@pytest.mark.skipif(os.geteuid() == 0, reason="root may take any port")
def test_a_port_that_this_user_may_not_have_is_said() -> None:
    with pytest.raises(BadConfig, match="MEMMIMIC_DASHBOARD_PORT: 80 may not be used"):
        address.free_port("127.0.0.1", 80)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(BadConfig, match=f"MEMMIMIC_DASHBOARD_HOST: {host}"):
        address.free_port(host, 0)


@pytest.mark.parametrize(
    ("host", "loopback", "url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:80"),
        ("127.8.9.1", True, "http://127.8.9.1:80"),
        ("localhost", True, "http://localhost:80"),
        ("::1", True, "http://[::1]:80"),
        ("0.0.0.0", False, "http://127.0.0.1:80"),
        ("::", False, "http://[::1]:80"),
        ("192.0.2.4", False, "http://192.0.2.4:80"),
        ("example.org", False, "http://example.org:80"),
    ],
)
def test_who_can_reach_it_and_how_this_machine_does(host: str, loopback: bool, url: str) -> None:
    assert address.is_loopback(host) is loopback
    assert address.local_url(host, 80) == url
