"""The running demo: its API, what memmon reads of it, its end."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from memmon import memmimic
from memmon.metrics import exposition
from tests.memmon.client.serving import Memmon
from tests.memmon.demo.process import TOKEN, DemoProcess
from tests.support import eventually


def test_what_is_stored_is_found_and_classified(demo: DemoProcess) -> None:
    text = f"Because the user prefers oolong since {time.time_ns()}"
    stored = demo.ask("/memories", "POST", {"content": text})
    assert stored.status == 201
    actual = demo.ask(f"/memories/search?q=oolong+{text.split()[-1]}").json["memories"]
    assert [(entry["id"], entry["content"], entry["cxd_function"]) for entry in actual] == [
        (stored.json["id"], text, "CONTEXT")
    ]
    again = demo.ask("/memories", "POST", {"content": text})
    assert (again.status, again.json) == (200, {"id": stored.json["id"], "new": False})


def test_a_new_memory_shows_in_a_search_that_was_made_before(demo: DemoProcess) -> None:
    word = f"w{time.time_ns()}"
    assert demo.ask(f"/memories/search?q={word}").json["memories"] == []
    demo.ask("/memories", "POST", {"content": f"about {word}"})
    assert len(demo.ask(f"/memories/search?q={word}").json["memories"]) == 1


def test_classify_answers_function_and_confidence(demo: DemoProcess) -> None:
    answer = demo.ask("/classify", "POST", {"text": "search, filter and decide"})
    assert (answer.status, answer.json) == (200, {"function": "CONTROL", "confidence": 1.0})


def test_only_the_right_password_logs_in_and_a_wrong_one_is_told(demo: DemoProcess, memmon_server: Memmon) -> None:
    assert demo.ask("/login", "POST", {"user": "demo", "password": "demo"}).status == 200
    address = "203.0.113.77"
    wrong = demo.ask("/login", "POST", {"user": "demo", "password": "x"}, address=address)
    assert (wrong.status, wrong.json["error"]) == (401, "unauthorized")
    event = eventually(lambda: next((e for e in memmon_server.events if e["source_ip"] == address), None))
    assert (event["event_type"], event["user"]) == ("auth_failure", "demo")
    assert memmon_server.requests[0][1] == "Bearer the-ingest-key"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("GET", "/memories/search", None, 400, "q"),
        ("GET", "/memories/search?q=%20", None, 400, "q"),
        ("GET", "/memories/search?q=x&limit=0", None, 400, "limit"),
        ("GET", "/memories/search?q=x&limit=" + "9" * 5000, None, 400, "limit"),
        ("POST", "/memories", {"content": 7}, 400, "content"),
        ("POST", "/memories", {"content": "\ud800"}, 400, "content"),
        ("POST", "/memories", {"content": "x", "type": ""}, 400, "type"),
        ("POST", "/memories", b"{", 400, "body"),
        ("POST", "/memories", b"[" * 50_000, 400, "body"),
        ("POST", "/memories", {"content": "x" * 70_000}, 413, None),
        ("POST", "/classify", ["x"], 400, "text"),
        ("POST", "/login", {"user": "demo"}, 400, "password"),
        ("GET", "/nowhere", None, 404, None),
        ("GET", "/classify", None, 405, None),
    ],
)
def test_bad_input_is_refused_by_field(
    demo: DemoProcess, method: str, path: str, body: object, status: int, field: str | None
) -> None:
    answer = demo.ask(path, method, body)
    assert (answer.status, answer.json.get("field")) == (status, field)
    assert {"error", "message"} <= set(answer.json)


def test_the_page_has_what_memmon_watches(demo: DemoProcess) -> None:
    demo.ask("/memories/search?q=tea")  # A hit rate needs a look-up.
    parsed = exposition.parse(demo.ask("/metrics").body.decode())
    assert {
        "memmimic_memories_stored_total",
        "memmimic_memories_retrieved_total",
        "memmimic_searches_total",
        "memmimic_cxd_classifications_total",
        "memmimic_errors_total",
        "memmimic_cache_hits_total",
        "memmimic_cache_misses_total",
        "memmimic_cache_hit_rate",
        "memmimic_cache_size_bytes",
        "memmimic_cache_entries",
        "memmimic_db_connections_active",
        "memmimic_db_connections_max",
        "memmimic_db_queries_total",
        "memmimic_operation_duration_seconds",
        "memmimic_search_duration_seconds",
        "memmimic_storage_duration_seconds",
        "memmimic_cxd_classification_duration_seconds",
        "memmimic_db_query_duration_seconds",
    } <= set(parsed.metadata)


def test_memmon_can_read_its_database(demo: DemoProcess) -> None:
    facts = memmimic.look(demo.database)
    assert (list(facts.counts), facts.journal_mode) == (["memories_enhanced"], "wal")
    assert (facts.memories or 0) >= 100
    assert memmimic.write_lock_is_free(demo.database)


def test_memmon_can_disable_each_feature(demo: DemoProcess) -> None:
    asked = {
        "search": lambda: demo.ask("/memories/search?q=tea"),
        "store": lambda: demo.ask("/memories", "POST", {"content": "tea"}),
        "classify": lambda: demo.ask("/classify", "POST", {"text": "tea"}),
    }
    for feature in asked:
        state = {"disabled": [{"feature": feature, "until": time.time() + 60}]}
        assert demo.ask("/-/memmon/restrictions", "PUT", state, token=TOKEN).status == 200
        off = {name for name, call in asked.items() if call().status == 503}
        assert off == {feature}
    assert demo.ask("/-/memmon/restrictions", "PUT", {}, token=TOKEN).status == 200
    assert {call().status for call in asked.values()} <= {200, 201}


def test_memmon_can_clear_its_cache(demo: DemoProcess) -> None:
    demo.ask("/memories/search?q=tea")
    assert demo.ask("/-/memmon/cache/clear", "POST", None, token=TOKEN).json["cleared"] >= 1


def test_its_load_is_light(demo: DemoProcess) -> None:
    assert demo.process is not None
    process = psutil.Process(demo.process.pid)
    before, requests, began = process.cpu_times(), demo.metrics()["memmimic_http_requests_total"], time.monotonic()
    eventually(
        lambda: demo.change({"memmimic_http_requests_total": requests}, "memmimic_http_requests_total") > 20, every=1
    )
    after, seconds = process.cpu_times(), time.monotonic() - began
    # One per cent is the aim; a busy machine and our own questions are allowed for.
    assert (after.user + after.system - before.user - before.system) / seconds < 0.04


def test_its_title_is_not_one_of_memmons(demo: DemoProcess) -> None:
    assert demo.process is not None
    title = Path(f"/proc/{demo.process.pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    assert title.startswith("demo-memory-service")
    assert not re.search("memmimic", title)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quietly_and_soon_even_while_the_database_is_slow(tmp_path: Path, sent: signal.Signals) -> None:
    demo = DemoProcess(tmp_path)
    demo.start()
    assert demo.process is not None
    demo.fault("slow-database", 60)
    eventually(lambda: demo.metrics()["memmimic_db_connections_active"] > 0)
    began = time.monotonic()
    demo.process.send_signal(sent)
    assert demo.process.wait(10) == 0
    assert time.monotonic() - began < 3
    assert "Traceback" not in demo.output()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["client.token", "data", "demo.out"]
    with sqlite3.connect(demo.database) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_it_does_not_start_on_a_file_that_is_no_database(tmp_path: Path) -> None:
    demo = DemoProcess(tmp_path)
    demo.database.parent.mkdir()
    demo.database.write_text("this is a letter, not a database" * 100)
    done = subprocess.run(
        [sys.executable, "-m", "memmon.demo"], env=demo.environ, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (1, "demo: cannot start: file is not a database\n")


def test_it_names_the_setting_that_is_missing(tmp_path: Path) -> None:
    environ = {**DemoProcess(tmp_path).environ, "MEMMON_DEMO_DATABASE": ""}
    done = subprocess.run(
        [sys.executable, "-m", "memmon.demo"], env=environ, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("demo: MEMMON_DEMO_DATABASE: is not set")
