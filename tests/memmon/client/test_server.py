"""The exposed page and control endpoint of a host that serves no HTTP itself."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator

import pytest

from memmon import client
from memmon.client import observers
from memmon.client.control_endpoint import RESTRICTIONS
from tests.memmon.client.serving import ask

TOKEN = "client-token"


@pytest.fixture
def base() -> Iterator[str]:
    server = client.expose(0, token=TOKEN)
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def test_it_serves_the_page_as_text(base: str) -> None:
    answer = ask(f"{base}/metrics?x=1")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"process_resident_memory_bytes" in answer.body
    head = ask(f"{base}/metrics", "HEAD")
    assert (head.status, head.body) == (200, b"")


def test_anything_else_is_not_there(base: str) -> None:
    assert ask(f"{base}/").status == 404


def test_the_port_is_free_again_when_it_is_closed() -> None:
    first = client.expose(0)
    first.close()
    second = client.expose(first.port)
    second.close()
    assert second.port == first.port


def test_a_port_in_use_is_said_at_once(base: str) -> None:
    with pytest.raises(OSError):
        client.expose(int(base.rsplit(":", 1)[1]))


def test_without_a_token_it_controls_nothing() -> None:
    server = client.expose(0)
    assert ask(f"http://127.0.0.1:{server.port}/-/memmon/evidence", token="").status == 404
    server.close()


def test_it_tells_what_the_process_is_and_does(base: str) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, args=(10,), name="one-who-waits")
    thread.start()
    actual = ask(f"{base}/-/memmon/evidence", token=TOKEN).json
    stop.set()
    thread.join()
    assert actual["pid"] == os.getpid()
    assert actual["memory_bytes"] > 1 << 20
    assert actual["started_at"] < time.time()
    stacks = [lines for name, lines in actual["threads"].items() if name.startswith("one-who-waits")]
    assert any("wait" in line for line in stacks[0])
    assert {"restrictions", "recent_requests", "recent_errors"} <= set(actual)


def test_it_clears_the_caches_that_are_watched(base: str, new_page: observers.ObservedObjects) -> None:
    cache = {"a": 1, "b": 2}
    client.watch_cache(cache)
    answer = ask(f"{base}/-/memmon/cache/clear", "POST", None, TOKEN)
    assert (answer.status, answer.json, cache) == (200, {"cleared": 2}, {})


def test_it_does_not_pretend_to_enforce(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RESTRICTIONS, "enforced", False)
    expected = {"blocked": [{"address": "203.0.113.9", "until": time.time() + 9}]}
    answer = ask(f"{base}/-/memmon/restrictions", "PUT", expected, TOKEN)
    assert (answer.status, answer.json["error"]) == (409, "not_enforced")
    assert ask(f"{base}/-/memmon/restrictions", "PUT", {"blocked": []}, TOKEN).status == 200


@pytest.mark.parametrize("length", ["many", "99999999999"])
def test_a_wrong_length_is_refused(base: str, length: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(base.rsplit(":", 1)[1]), timeout=5)
    connection.putrequest("PUT", "/-/memmon/restrictions")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status in (400, 413)
    connection.close()
