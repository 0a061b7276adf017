from flask.testing import FlaskClient

from memmon import labels
from memmon.context import Context
from memmon.health import service as health
from memmon.health.model import CheckResult
from memmon.metrics import service as metrics
from memmon.samples import Sample
from tests.conftest import Clock

USED = labels.of({"__name__": "memmimic_memory_usage_percent", "instance": "a"})


def test_history_baselines_trends_and_advice(client: FlaskClient, ctx: Context, clock: Clock) -> None:
    for minute in range(10):
        metrics.ingest(ctx, "a", [Sample(USED, 82.0 + minute)], {}, ctx.now(), 30)
        clock.move(60)
        metrics.roll_up(ctx)
    for check in ctx.config.checks.checks:
        health.record(ctx, "host", check.name, int(ctx.now()), CheckResult("healthy", "well"), 1.0)
    response = client.get("/api/performance?hours=1").get_json()
    assert set(response) == {
        "timestamp", "hours", "current_metrics", "historical_metrics", "health_history", "baselines", "trends",
        "recommendations",
    }  # fmt: skip
    assert response["hours"] == 1
    assert response["current_metrics"]["gauges"]["memory"] == 91
    assert len(response["historical_metrics"]) >= 8
    assert response["health_history"][0]["status"] == "healthy"
    assert set(response["baselines"]["memmimic_memory_usage_percent"]) >= {
        "mean", "median", "p80", "p95", "stdev", "samples", "updated_at"
    }  # fmt: skip
    assert response["trends"]["memmimic_memory_usage_percent"]["direction"] == "rising"
    assert response["recommendations"][0]["metric"] == "memmimic_memory_usage_percent"


def test_one_hour_is_meant_where_none_is_named(client: FlaskClient) -> None:
    assert client.get("/api/performance").get_json()["hours"] == 1
