import json
import shutil
import subprocess

import pytest
from flask.testing import FlaskClient

from memmon import labels
from memmon.context import Context
from memmon.metrics import service
from memmon.samples import Metadata, Sample
from memmon.state import counters

HISTOGRAM = "memmimic_db_query_duration_seconds"
METADATA = {
    HISTOGRAM: Metadata("histogram", "Duration of queries"),
    "memmimic_searches_total": Metadata("counter", "Searches"),
    "memmimic_memory_usage_percent": Metadata("gauge", "Memory in use"),
}


def ingest(ctx: Context, instance: str, searches: float, memory: float) -> None:
    values = {
        ("memmimic_searches_total",): searches,
        ("memmimic_memory_usage_percent",): memory,
        (f"{HISTOGRAM}_bucket", "0.1"): 6.0,
        (f"{HISTOGRAM}_bucket", "1"): 9.0,
        (f"{HISTOGRAM}_bucket", "+Inf"): 10.0,
        (f"{HISTOGRAM}_count",): 10.0,
        (f"{HISTOGRAM}_sum",): 4.0,
    }
    local = {"job": "memmimic", "instance": instance}
    samples = [
        Sample(labels.of({**local, "__name__": name, **({"le": bound[0]} if bound else {})}), value)
        for (name, *bound), value in values.items()
    ]
    service.ingest(ctx, instance, samples, METADATA, ctx.now(), 10)


@pytest.fixture
def two(ctx: Context) -> Context:
    """Two instances, both of which are watched."""
    folder = ctx.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    entries = [f"{{name: {name}, instance: {name}, metrics: 'http://127.0.0.1:1/'}}" for name in ("a", "b")]
    (folder / "targets.yml").write_text(f"targets: [{', '.join(entries)}]")
    ctx.reload_config()
    ingest(ctx, "a", 100, 40)
    ingest(ctx, "b", 20, 70)
    return ctx


def test_the_fleets_values_are_summed_or_the_worst(client: FlaskClient, two: Context) -> None:
    response = client.get("/api/metrics").get_json()
    assert response["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert response["metrics"]["counters"]["memmimic_searches_total"] == 120
    assert (
        response["metrics"]["gauges"]["memory"] == response["metrics"]["gauges"]["memmimic_memory_usage_percent"] == 70
    )
    histogram = response["metrics"]["histograms"][HISTOGRAM]
    assert set(histogram) == {"count", "sum", "buckets", "mean", "p50", "p95", "p99"}
    assert (histogram["count"], histogram["mean"]) == (20, 0.4)
    assert response["metrics_summary"]["counters"] == 1
    assert set(response["metrics_summary"]) == {
        "counters", "gauges", "histograms", "series", "collection_interval", "retention_hours", "historical_points",
        "last_collection",
    }  # fmt: skip


def test_one_instance_alone(client: FlaskClient, two: Context) -> None:
    assert client.get("/api/metrics?instance=a").get_json()["metrics"]["counters"]["memmimic_searches_total"] == 100


def test_a_grep_for_a_histogram_prints_all_of_it_on_one_line(client: FlaskClient, two: Context) -> None:
    text = client.get("/api/metrics").text
    [line] = [line for line in text.splitlines() if "db_query_duration" in line]
    assert json.loads("{" + line + "}")[HISTOGRAM]["buckets"] == {"0.1": 12, "1": 18, "+Inf": 20}
    [searches] = [line for line in text.splitlines() if "memmimic_searches_total" in line]
    assert searches.strip() == '"memmimic_searches_total": 120.0'


def checked_by_promtool(page: str) -> str:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    ran = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True)
    assert ran.returncode in (0, 3), ran.stderr  # 3 is an opinion on names, and not on the format.
    return ran.stderr


def test_the_page_is_one_that_promtool_reads(client: FlaskClient, two: Context) -> None:
    answer = client.get("/api/metrics/prometheus")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'memmimic_searches_total{instance="a",job="memmimic"} 100' in answer.text
    assert f"# TYPE {HISTOGRAM} histogram" in answer.text
    checked_by_promtool(answer.text)


def test_memmons_own_page_has_its_counts_and_queues(client: FlaskClient, ctx: Context) -> None:
    counters.add(ctx.redis, "memmon_tasks_total", {"task": "collect.run", "state": "success"}, 3)
    counters.observe(ctx.redis, "memmon_task_duration_seconds", {"queue": "collect"}, 0.2)
    page = client.get("/metrics").text
    assert 'memmon_tasks_total{state="success",task="collect.run"} 3' in page
    assert 'memmon_queue_depth{queue="notify"} 0' in page
    checked_by_promtool(page)
