"""Which address a request comes from."""

from __future__ import annotations

import pytest

from memmon.client.address import networks, of_client

PROXIES = networks(["127.0.0.0/8", "10.0.0.0/8", "::1/128"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # Anybody can send the header.
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        # The left one is what the client claims.
        ("127.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "192.0.2.66, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("127.0.0.1", "198.51.100.1, rubbish", "127.0.0.1"),
        ("127.0.0.1", " , ", "127.0.0.1"),
        ("::ffff:127.0.0.1", "[2001:db8::5]", "2001:db8::5"),
        ("::1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.1", None),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_no_proxy(peer: str, forwarded: str, client: str | None) -> None:
    assert of_client(peer, forwarded, PROXIES) == client
