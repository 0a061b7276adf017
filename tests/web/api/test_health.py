import json
import time

from flask.testing import FlaskClient

from memmon.context import Context
from memmon.health import service
from memmon.health.model import CheckResult


def test_the_newest_results_are_shown_with_the_worst_as_the_whole(client: FlaskClient, ctx: Context) -> None:
    for check in ctx.config.checks.checks:
        state = "unhealthy" if check.name == "cache" else "healthy"
        service.record(ctx, "host", check.name, int(ctx.now()), CheckResult(state, "as found", {"rate": 0.3}), 12.5)
    response = client.get("/api/health").get_json()
    assert set(response) == {
        "status", "score", "overall_response_time_ms", "healthy_checks", "total_checks", "timestamp", "checks"
    }  # fmt: skip
    assert (response["status"], response["healthy_checks"], response["total_checks"]) == ("unhealthy", 4, 5)
    assert 0 < response["score"] < 1
    [cache] = [check for check in response["checks"] if check["name"] == "cache"]
    assert cache == {
        "name": "cache",
        "status": "unhealthy",
        "message": "as found",
        "response_time_ms": 12.5,
        "metadata": {"rate": 0.3},
        "timestamp": "2026-01-01T00:00:00.000Z",
        "instance": "test",
    }


def test_it_is_quick_for_it_only_reads(client: FlaskClient) -> None:
    client.get("/api/health")
    began = time.perf_counter()
    assert json.loads(client.get("/api/health").text)["status"] == "unknown"
    assert time.perf_counter() - began < 0.5
