from __future__ import annotations

from typing import Any

import pytest

from memmon.errors import BadInput
from memmon.security import event

NOW = 1767225600.0


def test_an_event_needs_no_more_than_its_type() -> None:
    actual = event.parse({"event_type": "auth_failure"})
    assert actual.at(NOW) == NOW
    assert event.SEVERITY[actual.event_type] == "warning"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ("text", "event"),
        ({}, "event_type"),
        ({"event_type": "odd"}, "event_type"),
        ({"event_type": "auth_failure", "source_ip": "host"}, "source_ip"),
        ({"event_type": "auth_failure", "source_ip": 7}, "source_ip"),
        ({"event_type": "auth_failure", "odd": 1}, "odd"),
        ({"event_type": "auth_failure", "timestamp": "soon"}, "timestamp"),
        ({"event_type": "auth_failure", "timestamp": 1767225600}, "timestamp"),
        ({"event_type": "auth_failure", "status": 99}, "status"),
        ({"event_type": "auth_failure", "severity": "high"}, "severity"),
        ({"event_type": "auth_failure", "user": "x" * 256}, "user"),
        ({"event_type": "auth_failure", "params": {"a": 1}}, "params.a"),
        ({"event_type": "auth_failure", "params": {str(n): "" for n in range(65)}}, "params"),
        ({"event_type": "auth_failure", "params": {"a": "x" * 65537}}, "params.a"),
    ],
)
def test_a_wrong_event_is_refused_by_its_field(arguments: Any, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        event.parse(arguments)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("2025-12-31T23:59:00Z", NOW - 60),
        ("2026-01-01T01:00:00+01:00", NOW),
        ("2026-01-01T00:00:00", NOW),
        ("2026-01-01T00:04:00Z", NOW + 240),
        ("2026-01-01T00:06:00Z", NOW),
        ("9999-12-31T00:00:00Z", NOW),
    ],
)
def test_an_event_from_the_future_happened_now(timestamp: str, at: float) -> None:
    assert event.parse({"event_type": "auth_failure", "timestamp": timestamp}).at(NOW) == at


def test_an_address_is_kept_in_its_one_spelling() -> None:
    assert event.parse({"event_type": "auth_failure", "source_ip": "::ffff:192.0.2.1"}).source_ip == "192.0.2.1"


def test_what_no_database_takes_in_a_text_is_replaced_everywhere() -> None:
    actual = event.parse({"event_type": "auth_failure", "message": "a\x00b\ud800", "params": {"a\x00": "\x00"}})
    assert actual.message == "a\ufffdb\ufffd"
    assert actual.params == {"a\ufffd": "\ufffd"}
