from flask.testing import FlaskClient

from memmon import __version__
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.encode import dumps
from memmon.health import service as health
from memmon.health.model import CheckResult
from memmon.jobs import QUEUES
from memmon.state import heartbeat, keys
from tests.conftest import Clock
from tests.web.seed import COMPONENTS

PARTS = ("workers", "queues", "metrics_summary", "health", "security", "alerts", "incidents")


def well(ctx: Context) -> None:
    """Let everything have run just now, and be well."""
    for name in COMPONENTS:
        heartbeat.beat(ctx.redis, name, "ok", ctx.now())
    ctx.redis.hset(keys.workers(), "all@host", dumps({"at": ctx.now(), "queues": list(QUEUES), "pid": 7}))
    for check in ctx.config.checks.checks:
        health.record(ctx, "host", check.name, int(ctx.now()), CheckResult("healthy", "well"), 1.0)


def test_it_is_operational_when_everything_ran_in_time(client: FlaskClient, ctx: Context) -> None:
    well(ctx)
    response = client.get("/api/status").get_json()
    assert (response["system_status"], response["reasons"]) == ("operational", [])
    assert response["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert set(response["components"]) == set(COMPONENTS)
    assert response["components"]["alert_manager"]["last_run"] == "2026-01-01T00:00:00.000Z"
    assert set(PARTS) <= set(response)
    assert response["workers"][0]["name"] == "all@host"
    assert response["queues"][0] == {"name": "collect", "depth": 0, "oldest_seconds": 0, "workers": ["all@host"]}
    assert response["health"]["score"] == 1.0
    assert (response["redis"], response["database"]) == (
        {"status": "up", "reason": None},
        {"status": "up", "reason": None, "schema": "0003"},
    )
    assert response["version"] == __version__


def test_a_part_that_stopped_is_named(client: FlaskClient, ctx: Context, clock: Clock) -> None:
    well(ctx)
    clock.move(40)
    for name in COMPONENTS:
        if name != "metrics_collector":
            heartbeat.beat(ctx.redis, name, "ok", ctx.now())
    response = client.get("/api/status").get_json()
    assert response["system_status"] == "degraded"
    assert response["components"]["metrics_collector"]["status"] == "late"
    assert response["components"]["metrics_collector"]["age"] == 40
    assert "metrics_collector is late" in response["reasons"]
    assert "no worker serves" in str(response["reasons"])  # Its heartbeat is as old.


def test_a_critical_alert_makes_the_system_critical(client: FlaskClient, ctx: Context) -> None:
    well(ctx)
    alerts.raise_event(ctx, "trouble", "critical", {}, {}, 60)
    response = client.get("/api/status").get_json()
    assert response["system_status"] == "critical"
    assert response["alerts"]["active_alerts"] == 1
