from __future__ import annotations

import pytest

from memmon.security import address


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_has_one_spelling(text: str, actual: str) -> None:
    assert address.canonical(text) == actual


@pytest.mark.parametrize("text", ["", "host", "192.0.2.1:80", "192.0.2", "010.0.0.1", "1.2.3.4/24", "' or 1=1"])
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        address.canonical(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("::ffff:192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("169.254.1.1", "single outside host"),
        ("fe80::1", "single outside host"),
        ("224.0.0.1", "single outside host"),
        ("0.0.0.0", "single outside host"),
        ("255.255.255.255", "single outside host"),
        ("8.8.8.8", "allow-listed"),
        ("::ffff:8.8.8.8", "allow-listed"),
        ("203.0.113.7", "a trusted proxy"),
        ("2a00::5", "this host's own"),
        ("nonsense", "not an IP address"),
    ],
)
def test_what_must_never_be_blocked_has_a_reason(text: str, reason: str) -> None:
    why = address.why_never(text, ["8.8.0.0/16"], ["203.0.113.7"], ["2a00::5"])
    assert why is not None
    assert reason in why


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "198.51.100.9", "203.0.113.1", "2001:db8::1", "::ffff:192.0.2.1", "1.1.1.1", "2a00::6"]
)
def test_addresses_of_the_internet_and_those_that_stand_for_it_may_be_blocked(text: str) -> None:
    assert address.why_never(text, [], [], []) is None
