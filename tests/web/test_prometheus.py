"""Prometheus' API: its envelope, its errors, and promtool itself against a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from memmon import labels
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.metrics import service
from memmon.samples import Metadata, Sample
from tests.conftest import Clock
from tests.support import collect

BASE = "/api/v1"
KINDS = {
    "memmimic_searches_total": Metadata("counter", "Searches"),
    "memmimic_db_query_duration_seconds": Metadata("histogram", "Queries"),
}


def sample(name: str, value: float, **pairs: str) -> Sample:
    return Sample(labels.of({"instance": "a", "job": "memmimic"} | pairs | {"__name__": name}), value)


@pytest.fixture
def ctx(sqlite_ctx: Context, clock: Clock) -> Context:
    """Ten minutes of a target that searches twice a second, with ten memories in use of ten."""
    for tick in range(61):
        rows = [
            sample("up", 1),
            sample("memmimic_searches_total", tick * 20),
            sample("memmimic_memory_usage_percent", 97),
            sample("memmimic_tiny", 1e-7),
            sample("memmimic_db_query_duration_seconds_bucket", tick * 5, le="0.1"),
            sample("memmimic_db_query_duration_seconds_bucket", tick * 10, le="1"),
            sample("memmimic_db_query_duration_seconds_bucket", tick * 10, le="+Inf"),
            sample("memmimic_db_query_duration_seconds_sum", tick),
            sample("memmimic_db_query_duration_seconds_count", tick * 10),
        ]
        service.ingest(sqlite_ctx, "t", rows, KINDS, clock(), 10)
        clock.move(10)
    clock.move(-10)
    return sqlite_ctx


def ask(client: FlaskClient, path: str, **query: Any) -> Any:
    answer = client.get(f"{BASE}{path}", query_string=query)
    assert answer.status_code == 200, answer.text
    assert answer.json["status"] == "success"
    return answer.json["data"]


def test_an_instant_query_gives_a_vector_with_text_for_numbers(client: FlaskClient, clock: Clock) -> None:
    actual = ask(client, "/query", query="rate(memmimic_searches_total[1m])")
    assert actual == {
        "resultType": "vector",
        "result": [{"metric": {"instance": "a", "job": "memmimic"}, "value": [int(clock()), "2"]}],
    }
    assert ask(client, "/query", query="memmimic_tiny")["result"][0]["value"][1] == "1e-07"


@pytest.mark.parametrize(
    ("query", "kind", "value"),
    [
        ("1 / 0", "scalar", "+Inf"),
        ("0 / 0", "scalar", "NaN"),
        ('"text"', "string", "text"),
        ("1e21", "scalar", "1e+21"),
    ],
)
def test_a_number_and_a_text_have_types_of_their_own(client: FlaskClient, query: str, kind: str, value: str) -> None:
    actual = ask(client, "/query", query=query, time="1767225600.5")
    assert actual == {"resultType": kind, "result": [1767225600.5, value]}


def test_a_range_vector_is_a_matrix_of_its_samples(client: FlaskClient, clock: Clock) -> None:
    [row] = ask(client, "/query", query="memmimic_searches_total[25s]")["result"]
    assert ask(client, "/query", query="nothing[25s]") == {"resultType": "matrix", "result": []}
    assert row["values"] == [[int(clock()) - 20, "1160"], [int(clock()) - 10, "1180"], [int(clock()), "1200"]]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_range_query_gives_every_step_by_get_and_by_form(client: FlaskClient, clock: Clock, method: str) -> None:
    arguments = {
        "query": "memmimic_searches_total",
        "start": clock() - 60,
        "end": "2026-01-01T00:10:00Z",
        "step": "30s",
    }
    how: dict[str, Any] = {"query_string": arguments} if method == "get" else {"data": arguments}
    response = getattr(client, method)(f"{BASE}/query_range", **how).json["data"]
    assert response["resultType"] == "matrix"
    assert [value for _, value in response["result"][0]["values"]] == ["1080", "1140", "1200"]


@pytest.mark.parametrize(
    ("path", "query", "status", "kind", "text"),
    [
        ("/query", {"query": "up{"}, 400, "bad_data", "parse error"),
        ("/query", {"query": ""}, 400, "bad_data", "no expression"),
        ("/query", {"query": "(" * 50_000}, 400, "bad_data", "longer than"),
        ("/query", {"query": "up", "time": "yesterday"}, 400, "bad_data", 'invalid parameter "time"'),
        ("/query", {"query": "up", "time": "nan"}, 400, "bad_data", 'invalid parameter "time"'),
        ("/query", {"query": "up", "time": "1e300"}, 400, "bad_data", 'invalid parameter "time"'),
        ("/query", {"query": "up", "timeout": "soon"}, 400, "bad_data", 'invalid parameter "timeout"'),
        ("/query", {"query": "up", "limit": "-1"}, 400, "bad_data", 'invalid parameter "limit"'),
        ("/query", {"query": "topk(0/0, up)"}, 422, "execution", "NaN"),
        ("/query", {"query": "up", "timeout": "0.000000001"}, 503, "timeout", "timed out"),
        ("/query_range", {"query": "up", "start": 0, "end": 9}, 400, "bad_data", 'invalid parameter "step"'),
        ("/query_range", {"query": "up", "start": 9, "end": 0, "step": 1}, 400, "bad_data", "before start"),
        ("/query_range", {"query": "up", "start": 0, "end": 9, "step": 0}, 400, "bad_data", "zero or negative"),
        ("/query_range", {"query": "up", "start": 0, "end": 11_001, "step": 1}, 400, "bad_data", "11,000 points"),
        ("/query_range", {"query": "up[1m]", "start": 0, "end": 9, "step": 1}, 400, "bad_data", "range vector"),
        ("/series", {}, 400, "bad_data", "no match[]"),
        ("/series", {"match[]": "rate(up[5m])"}, 400, "bad_data", "not a selector"),
        ("/series", {"match[]": '{job=~".*"}'}, 400, "bad_data", "non-empty"),
        ("/label/a-b/values", {}, 400, "bad_data", "invalid label name"),
        ("/rules", {"type": "x"}, 400, "bad_data", 'invalid parameter "type"'),
        ("/targets", {"state": "x"}, 400, "bad_data", 'invalid parameter "state"'),
    ],
)
def test_what_cannot_be_answered_says_why_in_the_envelope(
    client: FlaskClient, path: str, query: dict[str, Any], status: int, kind: str, text: str
) -> None:
    ask = client.post if len(str(query)) > 10_000 else client.get
    how = "data" if ask == client.post else "query_string"
    answer = ask(f"{BASE}{path}", **{how: query})
    assert (answer.status_code, answer.json["status"], answer.json["errorType"]) == (status, "error", kind)
    assert text in answer.json["error"]


def test_series_and_labels_are_those_that_the_selectors_fit(client: FlaskClient) -> None:
    both = {"match[]": ["up", 'memmimic_searches_total{job="memmimic"}']}
    assert [entry["__name__"] for entry in ask(client, "/series", **both)] == ["memmimic_searches_total", "up"]
    assert ask(client, "/labels") == ["__name__", "instance", "job", "le"]
    assert ask(client, "/labels", **{"match[]": "up"}) == ["__name__", "instance", "job"]
    assert ask(client, "/label/le/values") == ["+Inf", "0.1", "1"]
    assert "up" in ask(client, "/label/__name__/values")
    assert client.post(f"{BASE}/series", data={"match[]": "up"}).json["data"][0]["job"] == "memmimic"


def test_what_is_cut_off_by_the_limit_is_said(client: FlaskClient) -> None:
    answer = client.get(f"{BASE}/query", query_string={"query": '{job="memmimic"}', "limit": 2}).json
    assert len(answer["data"]["result"]) == 2
    assert answer["warnings"] == ["results truncated due to limit"]


def test_series_of_the_past_are_found_by_their_history(client: FlaskClient, ctx: Context, clock: Clock) -> None:
    service.roll_up(ctx)
    ctx.redis.flushall()
    assert ask(client, "/label/instance/values") == ["a"]
    assert ask(client, "/label/instance/values", start=clock() - 60) == []


def test_metadata_says_what_pages_said(client: FlaskClient) -> None:
    actual = ask(client, "/metadata", metric="memmimic_searches_total")
    assert actual == {"memmimic_searches_total": [{"type": "counter", "help": "Searches", "unit": ""}]}


def test_rules_show_their_alerts_as_they_stand(client: FlaskClient, ctx: Context, clock: Clock) -> None:
    alerts.evaluate(ctx)
    groups = ask(client, "/rules")["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    rule = rules["critical_memory_usage"]
    assert (rule["type"], rule["state"], rule["health"], rule["duration"]) == ("alerting", "pending", "ok", 60)
    assert rule["query"] == "memmimic_memory_usage_percent > 95"
    assert rule["alerts"][0]["value"] == "97"
    assert rules["target_down"]["state"] == "inactive"
    clock.move(50)
    service.ingest(ctx, "t", [sample("memmimic_memory_usage_percent", 98)], {}, clock(), 10)
    clock.move(10)
    alerts.evaluate(ctx)
    [alert] = [a for a in ask(client, "/alerts")["alerts"] if a["labels"]["alertname"] == "critical_memory_usage"]
    assert (alert["state"], alert["value"]) == ("firing", "98")
    assert alert["activeAt"] == "2026-01-01T00:10:00.000Z"
    assert ask(client, "/rules", type="record") == {"groups": []}
    [group] = ask(client, "/rules", **{"rule_name[]": "target_down"})["groups"]
    assert [entry["name"] for entry in group["rules"]] == ["target_down"]


def test_targets_show_how_their_last_collection_went(client: FlaskClient, ctx: Context) -> None:
    collect(ctx, "host")
    actual = {entry["scrapePool"]: entry for entry in ask(client, "/targets")["activeTargets"]}
    assert actual["host"]["health"] == "up"
    assert actual["host"]["labels"] == {"job": "host", "instance": "test"}
    assert (actual["memmon"]["health"], actual["memmon"]["scrapeInterval"]) == ("unknown", "10s")
    assert ask(client, "/targets", state="dropped")["activeTargets"] == []


def test_a_query_is_formatted_and_the_build_names_itself(client: FlaskClient) -> None:
    assert ask(client, "/format_query", query="sum(up)by(job)") == "sum by (job) (up)"
    assert ask(client, "/status/buildinfo")["application"] == "memmon"


def test_grafana_is_answered_what_it_asks(client: FlaskClient, clock: Clock) -> None:
    """The requests of its data source (`pkg/promlib/client`): forms by POST, GET-only endpoints,
    fractional times.
    """
    now = clock()
    times = {"start": f"{now - 300:.3f}", "end": f"{now:.3f}"}
    for path, sent in (
        ("/query", {"query": "1+1", "time": f"{now:.3f}"}),
        ("/query", {"query": "up", "time": f"{now:.3f}", "timeout": "30s"}),
        ("/query_range", {"query": "up", "step": "15", **times}),
        ("/query_exemplars", {"query": "up", **times}),
        ("/series", {"match[]": "up", "limit": "40000", **times}),
        ("/labels", {"match[]": '{__name__="up"}', "limit": "40000", **times}),
        ("/labels", times),
    ):
        answer = client.post(f"{BASE}{path}", data=sent)
        assert (answer.status_code, answer.json["status"]) == (200, "success"), path
    for path in (
        "/label/__name__/values",
        "/label/job/values?match[]=up&limit=40000",
        "/metadata?limit=40000",
        "/rules",
        "/alerts",
        "/targets",
        "/status/buildinfo",
        "/status/runtimeinfo",
    ):
        answer = client.get(f"{BASE}{path}")
        assert (answer.status_code, answer.json["status"]) == (200, "success"), path
    assert client.post(f"{BASE}/query_exemplars", data={"query": "up{"}).status_code == 400


def test_a_caller_through_a_proxy_needs_a_token_also_for_a_query_by_post(client: FlaskClient) -> None:
    answer = client.post(f"{BASE}/query", data={"query": "up"}, headers={"X-Forwarded-For": "192.0.2.1"})
    assert (answer.status_code, answer.json["errorType"]) == (401, "unauthorized")


# promtool itself


@pytest.fixture(scope="module")
def promtool() -> str:
    """The path of promtool."""
    actual = shutil.which("promtool")
    if actual is None:
        if os.environ.get("MEMMON_TEST_STRICT") == "1":
            pytest.fail("promtool is not installed")
        pytest.skip("promtool is not installed")
    return actual


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    """The address of a real server of the application on loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def tool(promtool: str, *words: str, stdin: str | None = None) -> str:
    done = subprocess.run([promtool, *words], input=stdin, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_promtool_queries_an_instant_and_a_range(promtool: str, url: str, clock: Clock) -> None:
    at = str(int(clock()))
    actual = tool(promtool, "query", "instant", f"--time={at}", url, "rate(memmimic_searches_total[1m])")
    assert actual.strip() == f'{{instance="a", job="memmimic"}} => 2 @[{at}]'
    words = (f"--start={int(clock()) - 60}", f"--end={at}", "--step=30s")
    rows = tool(promtool, "query", "range", *words, url, "memmimic_searches_total").strip().splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["1080", "1140", "1200"]


def test_promtool_lists_series_and_labels(promtool: str, url: str, clock: Clock) -> None:
    words = ("--match=up", f"--start={int(clock()) - 60}", f"--end={int(clock())}")
    assert json.loads(json.dumps(tool(promtool, "query", "series", *words, url))).strip() == (
        '{__name__="up", instance="a", job="memmimic"}'
    )
    assert tool(promtool, "query", "labels", url, "le").split() == ["+Inf", "0.1", "1"]


def test_promtool_reads_the_error_of_a_wrong_query(promtool: str, url: str) -> None:
    done = subprocess.run([promtool, "query", "instant", url, "up{"], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "bad_data" in done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/api/metrics/prometheus", "/metrics"])
def test_promtool_accepts_the_pages(promtool: str, client: FlaskClient, ctx: Context, clock: Clock, path: str) -> None:
    collect(ctx, "host", "memmon")
    alerts.evaluate(ctx)
    clock.move(10)
    collect(ctx, "host", "memmon")
    page = client.get(path).text
    assert len(page.splitlines()) > 20
    assert tool(promtool, "check", "metrics", stdin=page).strip() == ""


def test_promtool_accepts_the_default_rules(promtool: str) -> None:
    rules = Path(service.__file__).parents[1] / "defaults" / "rules.yml"
    assert "SUCCESS" in tool(promtool, "check", "rules", str(rules))
