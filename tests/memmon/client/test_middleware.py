"""A wrapped application, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from pydantic import HttpUrl

from memmon.client import Middleware
from memmon.client import middleware as module
from memmon.client.restrictions import Restrictions
from memmon.config.targets import Client, Target
from memmon.security import event as events
from memmon.security.client import call
from tests.memmon.client.reading import count
from tests.memmon.client.serving import Memmon, ask, served
from tests.support import eventually

TOKEN = "client-token"
CONTROL = "/-/memmon"


def host(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """An application with a page, a login that fails, one that breaks and one that breaks on the
    way.
    """
    path = environ["PATH_INFO"]
    if path == "/breaks":
        raise RuntimeError("the host's own fault")
    if path == "/login":
        environ["memmon.user"] = "mallory"
        start_response("401 Unauthorized", [("X-Own", "kept")])
        return [b"no"]
    start_response("200 OK", [("X-Own", "kept")])
    return halves(path) if path == "/halves" else [b"hello ", b"world"]


def halves(_: str) -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("the other half is missing")


@pytest.fixture
def restrictions() -> Restrictions:
    return Restrictions()


@pytest.fixture
def base(restrictions: Restrictions, memmon: Memmon) -> Iterator[str]:
    app = Middleware(
        host,
        token=TOKEN,
        report_url=memmon.url,
        ingest_key="key",
        trusted_proxies=["127.0.0.1"],
        features={"GET /search": "search", "/admin": "admin"},
        exempt=["/metrics"],
        restrictions=restrictions,
    )
    with served(app) as address:
        yield address


def restrict(base: str, **state: Any) -> None:
    answer = ask(f"{base}{CONTROL}/restrictions", "PUT", state, TOKEN)
    assert (answer.status, answer.json) == (200, {"blocked": [], "throttled": [], "disabled": [], **state})


def test_the_host_answers_as_before(base: str) -> None:
    answer = ask(f"{base}/page")
    assert (answer.status, answer.body, answer.headers["X-Own"]) == (200, b"hello world", "kept")


def test_a_blocked_address_gets_403_until_its_time(base: str, restrictions: Restrictions) -> None:
    until = time.time() + 100
    restrict(base, blocked=[{"address": "203.0.113.9", "until": until}])
    refused = count("memmon_client_requests_refused_total", reason="blocked")
    answer = ask(f"{base}/metrics", address="203.0.113.9")
    assert (answer.status, answer.json["error"]) == (403, "blocked")
    assert count("memmon_client_requests_refused_total", reason="blocked") == refused + 1
    assert ask(f"{base}/page", address="203.0.113.10").status == 200
    assert ask(f"{base}/page", address="203.0.113.9, 203.0.113.10").status == 200
    restrictions.now = lambda: until
    assert ask(f"{base}/page", address="203.0.113.9").status == 200


def test_a_throttled_address_gets_429_and_when_to_come_back(base: str, memmon: Memmon) -> None:
    rule = {"subject": "203.0.113.9", "until": time.time() + 100, "endpoint": "/page", "per_minute": 10.0}
    restrict(base, throttled=[rule])
    statuses = [ask(f"{base}/page", address="203.0.113.9").status for _ in range(3)]
    assert statuses == [200, 429, 429]
    answer = ask(f"{base}/page", address="203.0.113.9")
    assert answer.json["error"] == "throttled"
    assert 1 <= int(answer.headers["Retry-After"]) <= 6
    assert ask(f"{base}/other", address="203.0.113.9").status == 200
    received = eventually(lambda: memmon.events)
    assert [(entry["event_type"], entry["source_ip"]) for entry in received] == [("rate_limit_exceeded", "203.0.113.9")]


def test_memmons_own_door_is_understood(base: str) -> None:
    target = Target(
        name="demo", metrics=HttpUrl(f"{base}/metrics"), client=Client(url=HttpUrl(base + CONTROL), token=TOKEN)
    )
    state = {
        "blocked": [{"address": "203.0.113.9", "until": time.time() + 60}],
        "throttled": [{"subject": "*", "until": time.time() + 60, "endpoint": "/x", "per_minute": 30}],
        "disabled": [{"feature": "search", "until": time.time() + 60}],
    }
    assert call(target, "PUT", "restrictions", state) == state
    assert call(target, "GET", "restrictions") == state
    assert call(target, "POST", "cache/clear")["cleared"] >= 0
    assert call(target, "GET", "evidence")["restrictions"] == state


def test_a_disabled_feature_gets_503_and_the_rest_goes_on(base: str) -> None:
    restrict(base, disabled=[{"feature": "search", "until": time.time() + 50}])
    answer = ask(f"{base}/search/deep?q=x")
    assert (answer.status, answer.json["error"]) == (503, "disabled")
    assert int(answer.headers["Retry-After"]) in range(45, 51)
    assert ask(f"{base}/search", "POST", {}).status == 200
    assert ask(f"{base}/searching").status == 200
    restrict(base)
    assert ask(f"{base}/search").status == 200


def test_exempt_paths_are_neither_throttled_nor_disabled(base: str) -> None:
    rule = {"subject": "*", "until": time.time() + 100, "endpoint": "*", "per_minute": 1.0}
    restrict(base, throttled=[rule])
    assert ask(f"{base}/page").status == 200
    assert ask(f"{base}/page").status == 429
    assert {ask(f"{base}/metrics").status for _ in range(5)} == {200}


def test_memmon_can_always_reach_the_control_endpoint(base: str) -> None:
    rule = {"subject": "*", "until": time.time() + 100, "endpoint": "*", "per_minute": 0.1}
    restrict(base, throttled=[rule], blocked=[{"address": "127.0.0.1", "until": time.time() + 100}])
    assert ask(f"{base}/page").status == 403
    restrict(base)
    assert ask(f"{base}/page").status == 200


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x"])
def test_the_control_endpoint_needs_the_token(base: str, token: str | None) -> None:
    answer = ask(f"{base}{CONTROL}/restrictions", token=token)
    assert (answer.status, answer.json["error"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"not json", 400, "body"),
        (b"[" * 100_000, 400, "body"),
        ([1], 400, "body"),
        ({"blocked": [{"address": "203.0.113.9", "until": "soon"}]}, 400, "blocked[0].until"),
        (b" " * ((4 << 20) + 10), 413, None),
    ],
)
def test_a_bad_body_is_refused_by_field(base: str, body: Any, status: int, field: str | None) -> None:
    answer = ask(f"{base}{CONTROL}/restrictions", "PUT", body, TOKEN)
    assert (answer.status, answer.json.get("field")) == (status, field)


def test_unknown_controls_and_methods_are_said_to_be(base: str) -> None:
    assert ask(f"{base}{CONTROL}/reboot", "POST", {}, TOKEN).status == 404
    assert ask(f"{base}{CONTROL}/evidence", "POST", {}, TOKEN).status == 405


def test_without_a_token_there_is_no_control_endpoint(restrictions: Restrictions) -> None:
    with served(Middleware(host, restrictions=restrictions)) as base:
        assert ask(f"{base}{CONTROL}/restrictions", token="").status == 404
        assert ask(f"{base}/page").status == 200


def test_a_failed_login_is_told_to_memmon_in_its_words(base: str, memmon: Memmon) -> None:
    assert ask(f"{base}/login", "POST", {"password": "x"}, address="203.0.113.7").status == 401
    received = eventually(lambda: memmon.events)
    event = events.parse(received[0])
    assert (event.event_type, event.source_ip, event.user) == ("auth_failure", "203.0.113.7", "mallory")
    assert (event.endpoint, event.method, event.status) == ("/login", "POST", 401)
    assert abs(event.at(time.time()) - time.time()) < 10


def test_suspicious_parameters_are_told_and_no_others(base: str, memmon: Memmon) -> None:
    ask(f"{base}/page?q=tea&token=secret")
    ask(f"{base}/page?token=secret&q=%27%20OR%20%271%27%3D%271", address="203.0.113.8")
    received = eventually(lambda: memmon.events)
    event = events.parse(received[0])
    assert (event.event_type, event.source_ip, dict(event.params)) == (
        "suspicious_activity",
        "203.0.113.8",
        {"q": "' OR '1'='1"},
    )
    assert len(received) == 1


def test_requests_are_counted_and_timed_by_status(base: str) -> None:
    before = {s: count("memmimic_http_requests_total", status=s) for s in ("200", "401", "500")}
    timed = count("memmimic_http_request_duration_seconds_count")
    for path in ("/page", "/login", "/breaks"):
        ask(base + path)
    assert {s: count("memmimic_http_requests_total", status=s) - n for s, n in before.items()} == dict.fromkeys(
        before, 1
    )
    assert count("memmimic_http_request_duration_seconds_count") == timed + 3


@pytest.mark.parametrize(("path", "error"), [("/breaks", "the host's own fault"), ("/halves", "half is missing")])
def test_the_hosts_own_failures_stay_its_own_and_are_evidence(base: str, path: str, error: str) -> None:
    ask(base + path)

    def recorded() -> bool:
        actual = ask(f"{base}{CONTROL}/evidence", token=TOKEN).json
        return error in actual["recent_errors"][-1]["error"] and actual["recent_requests"][-1]["path"] == path

    eventually(recorded)


def test_a_failing_middleware_lets_the_host_answer(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(module.address, "of_client", broken)
    assert ask(f"{base}/page").body == b"hello world"
    monkeypatch.undo()
    monkeypatch.setattr(module.prefilter, "suspicious", broken)
    assert ask(f"{base}/page").body == b"hello world"


def test_the_hosts_iterable_is_closed() -> None:
    closed: list[bool] = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Body([b"x"])

    with served(Middleware(app, restrictions=Restrictions())) as base:
        assert ask(base).body == b"x"
    assert closed == [True]
