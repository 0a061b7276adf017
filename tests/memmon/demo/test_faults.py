"""Faults are real, and over when their time is."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.memmon.demo.process import TOKEN, DemoProcess, share_above
from tests.support import eventually

MB = 1 << 20


def test_a_slow_database_shows_in_queries_searches_and_stores(demo: DemoProcess) -> None:
    before = demo.metrics()
    demo.fault("slow-database", 60)
    assert demo.ask("/memories", "POST", {"content": f"{time.time_ns()}"}).status == 201

    def slow(name: str) -> bool:
        return share_above(before, demo.metrics(), f"memmimic_{name}_duration_seconds", "1.0") > 0.05

    for name in ("db_query", "search", "storage"):
        eventually(lambda name=name: slow(name), within=20, every=0.3)
    assert demo.metrics()["memmimic_db_connections_active"] < demo.metrics()["memmimic_db_connections_max"]
    demo.fault("slow-database", 0)
    after = demo.metrics()
    # Requests that had begun are still slow.
    eventually(lambda: demo.change(after, "memmimic_db_query_duration_seconds_bucket:0.5") > 8, every=0.3)


def test_a_restart_ends_a_fault(tmp_path: Path) -> None:
    demo = DemoProcess(tmp_path)
    demo.start()
    demo.fault("slow-database", 600)
    demo.stop()
    demo.start()
    assert demo.ask("/-/faults", token=TOKEN).json["on"] == []
    before = demo.metrics()
    assert demo.ask("/memories/search?q=tea").status == 200
    assert demo.change(before, "memmimic_search_duration_seconds_bucket:0.5") >= 1
    demo.stop()


def test_a_leak_takes_memory_and_gives_it_back(demo: DemoProcess) -> None:
    before = demo.metrics()["process_resident_memory_bytes"]
    demo.fault("memory-leak", 60)
    demo.fault("memory-leak", 60)  # Twice is not twice as much.
    eventually(lambda: demo.metrics()["process_resident_memory_bytes"] > before + 30 * MB)
    demo.fault("memory-leak", 0)
    eventually(lambda: demo.metrics()["process_resident_memory_bytes"] < before + 15 * MB)


def test_errors_are_real_and_many(demo: DemoProcess) -> None:
    before = demo.metrics()
    demo.fault("errors", 60)
    assert demo.ask("/memories/search?q=tea").status == 500
    assert demo.ask("/classify", "POST", {"text": "tea"}).status == 500
    eventually(lambda: demo.change(before, "memmimic_errors_total") > 10, within=8)
    demo.fault("errors", 0)
    assert demo.ask("/memories/search?q=tea").status == 200


def test_a_cache_that_misses_brings_the_hit_rate_down(demo: DemoProcess) -> None:
    for _ in range(3):
        demo.ask("/memories/search?q=tea")
    before = demo.metrics()
    demo.fault("cache-misses", 60)
    for _ in range(5):
        demo.ask("/memories/search?q=tea")
    assert demo.change(before, "memmimic_cache_misses_total") >= 5
    assert demo.metrics()["memmimic_cache_hit_rate"] < before["memmimic_cache_hit_rate"]


def test_a_fault_ends_with_its_time(demo: DemoProcess) -> None:
    demo.fault("errors", 0.5)
    assert [entry["fault"] for entry in demo.ask("/-/faults", token=TOKEN).json["on"]] == ["errors"]
    eventually(lambda: demo.ask("/-/faults", token=TOKEN).json["on"] == [])
    assert demo.ask("/memories/search?q=tea").status == 200


def test_a_crash_is_a_crash(tmp_path: Path) -> None:
    demo = DemoProcess(tmp_path)
    demo.start()
    demo.fault("crash", 1)
    assert demo.process is not None
    assert demo.process.wait(5) == -signal.SIGKILL


def test_only_who_has_the_token_sees_and_switches_faults(demo: DemoProcess) -> None:
    assert demo.ask("/-/faults", token="wrong").status == 401
    assert demo.ask("/-/faults", "POST", {"fault": "crash", "seconds": 1}).status == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ({"fault": "fire", "seconds": 1}, "fault"),
        ({"fault": ["crash"], "seconds": 1}, "fault"),
        ({"fault": "crash"}, "seconds"),
        ({"fault": "crash", "seconds": -1}, "seconds"),
        ({"fault": "crash", "seconds": 10**400}, "seconds"),
        ({"fault": "crash", "seconds": True}, "seconds"),
        (b'{"fault": "crash", "seconds": NaN}', "seconds"),
    ],
)
def test_a_wrong_fault_is_refused_by_field(demo: DemoProcess, body: object, field: str) -> None:
    answer = demo.ask("/-/faults", "POST", body, token=TOKEN)
    assert (answer.status, answer.json["field"]) == (400, field)
