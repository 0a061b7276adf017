"""Security events reach memmon, or cost the host nothing."""

from __future__ import annotations

import time

import pytest

from memmon.client.event_queue import Reporter
from tests.memmon.client.reading import count
from tests.memmon.client.serving import Memmon
from tests.support import eventually, free_port

DROPPED = "memmon_client_events_dropped_total"


def test_events_go_in_batches_with_the_key(memmon: Memmon) -> None:
    reporter = Reporter(memmon.url + "/", "the-key")
    for index in range(10):
        reporter.report({"n": index})
    eventually(lambda: len(memmon.events) == 10)
    assert [event["n"] for event in memmon.events] == list(range(10))
    assert len(memmon.requests) <= 2
    assert {(path, key) for path, key, _ in memmon.requests} == {("/api/security/events", "Bearer the-key")}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_memmon_cannot_take_now_is_sent_again(memmon: Memmon, status: int) -> None:
    memmon.statuses = [status]
    Reporter(memmon.url, "key", pause=0.01).report({"n": 1})
    eventually(lambda: len(memmon.requests) == 2)
    assert memmon.events == [{"n": 1}, {"n": 1}]


@pytest.mark.parametrize("status", [302, 400, 401, 413])
def test_what_memmon_refuses_is_dropped_and_counted(memmon: Memmon, status: int) -> None:
    refused = count(DROPPED, reason="refused")
    memmon.statuses = [status]
    reporter = Reporter(memmon.url, "key", pause=0.01)
    reporter.report({"n": 1})
    eventually(lambda: count(DROPPED, reason="refused") == refused + 1)
    reporter.report({"n": 2})
    eventually(lambda: len(memmon.requests) == 2)
    assert memmon.events == [{"n": 1}, {"n": 2}]


def test_a_hanging_memmon_costs_no_time_and_what_is_too_much_is_counted(memmon: Memmon) -> None:
    full = count(DROPPED, reason="full")
    memmon.hold.clear()
    reporter = Reporter(memmon.url, "key", waiting=10)
    reporter.report({"n": -1})
    eventually(lambda: memmon.requests)
    began = time.perf_counter()
    for index in range(100):
        reporter.report({"n": index})
    assert time.perf_counter() - began < 0.2
    assert count(DROPPED, reason="full") == full + 90
    memmon.hold.set()
    eventually(lambda: len(memmon.events) == 11)


def test_nobody_there_is_waited_for_until_somebody_is() -> None:
    reporter = Reporter(f"http://127.0.0.1:{free_port()}", "key", waiting=5, pause=0.01)
    full = count(DROPPED, reason="full")
    for _ in range(500):
        reporter.report({"n": 1})
    assert count(DROPPED, reason="full") > full
