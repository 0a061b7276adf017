"""The doors of push on a real server, as real senders use them."""

from __future__ import annotations

import base64
import gzip
import http.server
import os
import random
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    delete_from_gateway,
    push_to_gateway,
    pushadd_to_gateway,
)
from prometheus_client.exposition import basic_auth_handler

from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.metrics import service as metrics
from memmon.push import otlp
from memmon.security import access
from memmon.settings import load
from tests.memmon.push.requests import field, packed, series
from tests.support import eventually, free_port
from tests.web.conftest import Headers
from web import create_app

PROTOBUF = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """One database is enough here: the rooms' own tests have both."""
    return sqlite_ctx


@pytest.fixture(autouse=True)
def broker(sent: Callable[[], list[str]]) -> None:
    """A push wakes an evaluation: its queue is on the Valkey of the tests."""


@pytest.fixture
def key(ctx: Context) -> str:
    """An ingest key."""
    return access.create(ctx, "pusher", "ingest")


@pytest.fixture
def ingest(key: str) -> Headers:
    return {"Authorization": f"Bearer {key}"}


def values_by_series(ctx: Context, expr: str) -> dict[str, float]:
    return {label_sets.show(point.labels): point.value for point in metrics.instant(ctx, expr)}


# groups


def test_the_client_library_pushes_adds_and_deletes(url: str, key: str, live: Context) -> None:
    signed = partial(basic_auth_handler, username="any", password=key)
    registry = CollectorRegistry()
    gauge = Gauge("backup_rows", "Rows", ["kind"], registry=registry)
    gauge.labels("a/b").set(3)
    group = {"path": "/var/tmp", "instance": ""}
    push_to_gateway(url, "backup", registry, group, handler=signed)
    assert values_by_series(live, "backup_rows") == {'backup_rows{job="backup",kind="a/b",path="/var/tmp"}': 3.0}
    extra = CollectorRegistry()
    Counter("backup_runs", "Runs", registry=extra).inc()
    pushadd_to_gateway(url, "backup", extra, group, handler=signed, compression="gzip")
    assert len(values_by_series(live, '{__name__=~"backup_rows|backup_runs_total"}')) == 2
    delete_from_gateway(url, "backup", group, handler=signed)
    assert values_by_series(live, '{__name__=~"backup_.*|push_.*"}') == {}


def test_a_bearer_token_is_as_good(url: str, key: str, live: Context) -> None:
    def handler(
        url: str, method: str, timeout: float, headers: list[tuple[str, str]], data: bytes
    ) -> Callable[[], None]:
        def send() -> None:
            arguments = {**dict(headers), "Authorization": f"Bearer {key}"}
            urllib.request.urlopen(urllib.request.Request(url, data, arguments, method=method), timeout=timeout)

        return send

    registry = CollectorRegistry()
    Gauge("rows", "Rows", registry=registry).set(1)
    push_to_gateway(url, "job", registry, handler=handler)
    assert values_by_series(live, "rows") == {'rows{job="job"}': 1.0}


@pytest.mark.parametrize(("method", "status"), [("PUT", 200), ("POST", 200), ("DELETE", 202)])
def test_groups_answer_as_pushgateway_does(client: FlaskClient, ingest: Headers, method: str, status: int) -> None:
    for path in ("/metrics/job/a", "/metrics/job@base64/YQ", "/metrics/job/a/instance/b/", "/metrics/job/b/x@base64/="):
        answer = client.open(path, method=method, headers=ingest, data=b"rows 1\n" if method != "DELETE" else b"")
        assert (answer.status_code, answer.data) == (status, b"")


def test_a_group_wakes_the_evaluation_once(client: FlaskClient, ingest: Headers, sent: Callable[[], list[str]]) -> None:
    for _ in range(3):
        client.put("/metrics/job/a", headers=ingest, data=b"rows 1\n")
    assert sent() == ["alerts.evaluate"]


@pytest.mark.parametrize(
    ("path", "body", "encoding", "status", "reason"),
    [
        ("/metrics/job/a/b", b"", "", 400, "odd number"),
        ("/metrics/job/a%00", b"", "", 400, "has a NUL"),
        ("/metrics/job/a", b"rows one\n", "", 400, "not Prometheus text format"),
        ("/metrics/job/a", b"rows 1 17\n", "", 400, "rows has a timestamp"),
        ("/metrics/job/a", b"rows 1\n", "gzip", 400, "is no gzip"),
        ("/metrics/job/a", b"rows 1\n", "zstd", 415, "not one of identity, gzip, snappy"),
        ("/metrics/job/a", gzip.compress(b"#" * (8 << 20) + b"\n"), "gzip", 413, "is larger than 8388608 bytes"),
    ],
)
def test_a_push_that_is_refused_learns_why(
    client: FlaskClient, ingest: Headers, path: str, body: bytes, encoding: str, status: int, reason: str
) -> None:
    answer = client.put(path, headers={**ingest, "Content-Encoding": encoding}, data=body)
    assert answer.status_code == status
    assert reason in answer.get_json()["message"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/metrics/job/a", {}),
        ("/metrics/job/a", {"Content-Encoding": "gzip"}),
        ("/api/v1/write", PROTOBUF),
        ("/api/v1/otlp/v1/metrics", {"Content-Type": "application/x-protobuf"}),
        ("/api/v1/otlp/v1/metrics", {"Content-Type": "application/json"}),
    ],
)
def test_no_body_makes_an_error_of_our_own(
    client: FlaskClient, ingest: Headers, path: str, headers: dict[str, str]
) -> None:
    dice = random.Random(3)
    good = packed(series([("__name__", "up")], [(1.0, 1)])) + b'{"resourceMetrics":[]} rows 1\n'
    for _ in range(40):
        body = bytearray(good[: dice.randrange(len(good))] + dice.randbytes(dice.randrange(9)))
        answer = client.post(path, headers={**ingest, **headers}, data=bytes(body))
        assert answer.status_code in (200, 204, 400, 413)


# who may


@pytest.mark.parametrize("path", ["/metrics/job/a", "/api/v1/write", "/api/v1/otlp/v1/metrics"])
def test_every_door_needs_an_ingest_key(client: FlaskClient, bearer: Callable[[str], Headers], path: str) -> None:
    def status(**headers: str) -> int:
        return client.post(path, headers=headers).status_code

    basic = base64.b64encode(bearer("ingest")["Authorization"].replace("Bearer ", "me:").encode()).decode()
    assert status() == 401
    assert status(Authorization="Bearer wrong") == 401
    assert status(Authorization="Basic " + base64.b64encode(b"me:wrong").decode()) == 401
    assert status(Authorization="Basic nonsense") == 401
    assert status(**bearer("viewer")) == 403
    assert status(Authorization=f"Basic {basic}") in (200, 415)
    assert status(**bearer("operator"), Origin="https://elsewhere.example") in (200, 415)


def test_a_password_opens_nothing_else(client: FlaskClient, ctx: Context) -> None:
    basic = base64.b64encode(f"me:{access.create(ctx, 'boss', 'admin')}".encode()).decode()
    for path in ("/api/alerts/1/resolve", "/api/silences"):
        assert client.post(path, json={}, headers={"Authorization": f"Basic {basic}"}).status_code == 401


def test_failures_are_told_in_the_words_of_each_protocol(client: FlaskClient) -> None:
    assert client.post("/api/v1/write").mimetype == "text/plain"
    answer = client.post("/api/v1/otlp/v1/metrics", headers={"Content-Type": "application/x-protobuf"})
    assert answer.status_code == 401
    assert otlp.Status.FromString(answer.data).code == 16
    answer = client.post("/api/v1/otlp/v1/metrics", headers={"Content-Type": "application/json"})
    assert answer.get_json()["code"] == 16


# remote write


def write(client: FlaskClient, ingest: Headers, *fields: bytes, **extra: str) -> tuple[int, str]:
    answer = client.post("/api/v1/write", headers={**ingest, **PROTOBUF, **extra}, data=packed(*fields))
    return answer.status_code, answer.get_data(as_text=True)


def test_remote_write_is_answered_without_a_word(
    client: FlaskClient, ingest: Headers, ctx: Context, sent: Callable[[], list[str]]
) -> None:
    now = round(ctx.now() * 1000)
    with_exemplar = series([("__name__", "up")], [(1.0, now)], field(3, field(2, 1.0)))
    assert write(client, ingest, with_exemplar) == (204, "")
    assert values_by_series(ctx, "up") == {"up": 1.0}
    assert sent() == ["alerts.evaluate"]


def test_remote_write_is_told_for_good_what_is_refused(client: FlaskClient, ingest: Headers, ctx: Context) -> None:
    now = round(ctx.now() * 1000)
    status, text = write(client, ingest, series([("__name__", "up")], [(1.0, now - 10**8), (1.0, now)]))
    assert status == 400
    assert text == "refused 1 samples; 1: out of bounds: too old, or too far in the future, e.g. up\n"
    assert values_by_series(ctx, "up") == {"up": 1.0}


def test_version_2_is_refused_by_its_name(client: FlaskClient, ingest: Headers) -> None:
    kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    status, text = write(client, ingest, **{"Content-Type": kind})
    assert status == 415
    assert "io.prometheus.write.v2.Request is not spoken here" in text


def test_a_bomb_and_a_huge_body_are_too_large(client: FlaskClient, ingest: Headers) -> None:
    assert write(client, ingest, b"\0" * (9 << 20))[0] == 413
    answer = client.post("/api/v1/write", headers={**ingest, **PROTOBUF}, data=os.urandom(9 << 20))
    assert answer.status_code == 413


def test_a_redis_away_lets_the_sender_try_again(ctx: Context) -> None:
    environ = {"MEMMON_HOME": str(ctx.settings.home), "MEMMON_DATABASE_URL": ctx.settings.database_address}
    away = Context(load({**environ, "MEMMON_REDIS_URL": "unix:///nowhere.sock?db=0"}), now=ctx.now)
    headers = {"Authorization": f"Bearer {access.create(ctx, 'p', 'ingest')}"}
    client = create_app(away).test_client()
    status, text = write(client, headers, series([("__name__", "up")], [(1.0, round(ctx.now() * 1000))]))
    assert status == 503
    assert "redis" in text
    away.close()


@pytest.fixture
def page() -> Iterator[str]:
    """The address of a page to scrape."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'# HELP rows Rows\n# TYPE rows gauge\nrows{table="a b"} 12.5\nrows{table="c"} +Inf\n')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


PROMETHEUS = """
global: {{scrape_interval: 200ms, evaluation_interval: 200ms, external_labels: {{cluster: eu}}}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["{page}"]}}]}}]
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["{host}"]}}]
      authorization: {{credentials: {key}}}
remote_write:
  - url: {url}/api/v1/write
    basic_auth: {{username: any, password: {key}}}
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 100ms, max_shards: 1}}
    metadata_config: {{send_interval: 500ms}}
"""


RULES = """
groups:
- name: g
  rules: [{alert: filling, expr: 'rows > 10', labels: {severity: error}, annotations: {summary: '{{ $value }} rows'}}]
"""


def test_a_prometheus_feeds_memmon_with_samples_and_alerts(
    url: str, key: str, live: Context, page: str, tmp_path: Path
) -> None:
    binary = shutil.which("prometheus")
    if binary is None:
        if os.environ.get("MEMMON_TEST_STRICT") == "1":
            pytest.fail("prometheus is not installed")
        pytest.skip("prometheus is not installed")
    host = url.removeprefix("http://")
    (tmp_path / "prometheus.yml").write_text(PROMETHEUS.format(page=page, url=url, key=key, host=host))
    (tmp_path / "rules.yml").write_text(RULES)
    words = ("--config.file=prometheus.yml", "--storage.tsdb.path=data")
    listen = f"--web.listen-address=127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([binary, *words, listen], cwd=tmp_path, stdout=log, stderr=log)
    try:
        eventually(lambda: len(values_by_series(live, "rows")) == 2, within=30)
        same = f'cluster="eu",instance="{page}",job="shop"'
        assert values_by_series(live, "rows") == {
            f'rows{{{same},table="a b"}}': 12.5,
            f'rows{{{same},table="c"}}': float("inf"),
        }
        assert values_by_series(live, 'up{job="shop"}') == {f"up{{{same}}}": 1.0}
        eventually(lambda: metrics.metadata(live).get("rows"), within=30)
        eventually(lambda: len(alerts.firing(live)) == 2, within=30)
        [entry, _] = sorted(alerts.firing(live), key=lambda alert: str(alert["labels"]))
        assert (entry["name"], entry["severity"], entry["message"]) == ("filling", "error", "12.5 rows")
        assert (entry["labels"]["cluster"], entry["source"]) == ("eu", "api")
    finally:
        process.terminate()
        process.wait(10)
    complaints = [line for line in (tmp_path / "log").read_text().splitlines() if "err=" in line]
    # Requests in flight at its end.
    assert [line for line in complaints if "context canceled" not in line] == []


# OpenTelemetry


def test_an_opentelemetry_sdk_exports_to_memmon(url: str, key: str, live: Context) -> None:
    exporter = OTLPMetricExporter(
        f"{url}/api/v1/otlp/v1/metrics", headers={"Authorization": f"Bearer {key}"}, compression=Compression.Gzip
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    resource = Resource({"service.name": "shop", "service.instance.id": "i-1", "host.name": "h"})
    provider = MeterProvider([reader], resource=resource)
    meter = provider.get_meter("tests")
    meter.create_counter("http.requests", "1", "Requests").add(3, {"http.method": "GET"})
    meter.create_histogram("http.latency", "s").record(0.3)
    meter.create_observable_gauge("disk.usage", [lambda _: [Observation(0.5)]], "1")
    assert provider.force_flush()
    same = 'instance="i-1",job="shop"'
    assert values_by_series(live, "http_requests_total") == {f'http_requests_total{{http_method="GET",{same}}}': 3.0}
    assert values_by_series(live, "disk_usage_ratio") == {f"disk_usage_ratio{{{same}}}": 0.5}
    assert values_by_series(live, "http_latency_seconds_count") == {f"http_latency_seconds_count{{{same}}}": 1.0}
    assert list(values_by_series(live, "histogram_quantile(0.5, http_latency_seconds_bucket)").values()) == [2.5]
    assert [v for k, v in values_by_series(live, "target_info").items() if 'host_name="h"' in k] == [1.0]
    assert metrics.metadata(live)["http_requests_total"] == ("counter", "Requests", "")
    provider.shutdown()


def test_an_exporter_of_deltas_is_told_so(client: FlaskClient, ingest: Headers) -> None:
    metric = {"name": "d", "sum": {"aggregationTemporality": 1, "dataPoints": [{}]}}
    whole = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    answer = client.post("/api/v1/otlp/v1/metrics", json=whole, headers=ingest)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "partialSuccess": {
            "rejectedDataPoints": "1",
            "errorMessage": "refused 1 data points; 1: delta temporality is not kept; export cumulative values, e.g. d",
        }
    }


@pytest.mark.parametrize(
    ("content_type", "encoding", "body", "status"),
    [
        ("text/plain", "", b"", 415),
        ("application/json", "br", b"{}", 415),
        ("application/json", "", b"{", 400),
        ("application/x-protobuf", "", b"\x0a", 400),
        ("application/x-protobuf", "gzip", gzip.compress(b"\0" * (5 << 20)), 413),
        ("application/x-protobuf", "", b"\0" * (5 << 20), 413),
    ],
)
def test_what_is_no_export_is_told_so(
    client: FlaskClient, ingest: Headers, content_type: str, encoding: str, body: bytes, status: int
) -> None:
    headers = {**ingest, "Content-Type": content_type, "Content-Encoding": encoding}
    answer = client.post("/api/v1/otlp/v1/metrics", headers=headers, data=body)
    assert answer.status_code == status
    if content_type.endswith("protobuf"):
        assert otlp.Status.FromString(answer.data).code == 3
    else:
        assert answer.get_json()["code"] == 3
