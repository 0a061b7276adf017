import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memmon.alerts import service as alerts
from memmon.analysis import service
from memmon.context import Context

NO_REDIS = "unix:///tmp/no-redis-is-here.sock"


def test_without_redis_the_status_still_tells_what_sql_knows(make_ctx: Callable[..., Context], ctx: Context) -> None:
    alerts.raise_event(ctx, "trouble", "error", {}, {}, 60)
    assert ctx.settings.database_url is not None
    url = ctx.settings.database_url.get_secret_value()
    away = make_ctx(MEMMON_DATABASE_URL=url, MEMMON_REDIS_URL=NO_REDIS)
    began = time.perf_counter()
    status = service.status(away)
    assert time.perf_counter() - began < 3
    assert status["system_status"] == "critical"
    assert status["reasons"][0].startswith("redis is down: ")
    assert (status["redis"]["status"], status["database"]["status"]) == ("down", "up")
    assert (status["workers"], status["queues"], status["metrics_summary"]) == ([], [], {})
    assert {entry["status"] for entry in status["components"].values()} == {"unknown"}
    assert status["alerts"]["active_alerts"] == 1
    assert status["incidents"]["open"] == 0


def test_without_sql_the_status_still_tells_what_redis_knows(make_ctx: Callable[..., Context]) -> None:
    status = service.status(make_ctx(MEMMON_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing"))
    assert status["reasons"][0].startswith("database is down: ")
    assert (status["redis"]["status"], status["database"]["status"]) == ("up", "down")
    assert (status["health"], status["alerts"], status["security"], status["incidents"]) == ({}, {}, {}, {})
    assert len(status["queues"]) == 7


def test_one_broken_part_does_not_hide_the_others(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(ctx: Context) -> None:
        raise ValueError("a row that nobody expected")

    monkeypatch.setattr(service.incident_room, "summary", broken)
    status = service.status(sqlite_ctx)
    assert status["incidents"] == {}
    assert status["alerts"]["total_alerts"] == 0


def test_a_database_without_tables_is_said_and_nothing_breaks(make_ctx: Callable[..., Context], tmp_path: Path) -> None:
    status = service.status(make_ctx(MEMMON_DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}"))
    assert (status["health"], status["alerts"]) == ({}, {})
    assert any("run `memmon migrate`" in reason for reason in status["reasons"])
