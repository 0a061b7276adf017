import math
from collections.abc import Callable

import pytest

from memmon import labels
from memmon.context import Context
from memmon.errors import BadQuery
from memmon.metrics import service
from memmon.promql.matcher import Matcher
from memmon.samples import Metadata, Sample
from tests.conftest import Clock


def sample(name: str, value: float, **pairs: str) -> Sample:
    return Sample(labels.of(pairs | {"__name__": name}), value)


def collect(ctx: Context, clock: Clock, seconds: int, value: Callable[[int], list[Sample]], every: int = 10) -> None:
    """Move the clock on and take in samples, one tick after the other."""
    for tick in range(seconds // every):
        service.ingest(
            ctx, "t", value(tick), {"memmimic_searches_total": Metadata("counter", "Searches")}, clock(), every
        )
        clock.move(every)


def test_a_rule_can_ask_at_once_for_what_came_in(ctx: Context, clock: Clock) -> None:
    collect(ctx, clock, 300, lambda tick: [sample("memmimic_searches_total", tick * 20, instance="a")])
    [point] = service.instant(ctx, "rate(memmimic_searches_total[1m])")
    assert point.value == pytest.approx(2)
    [series], _ = service.range(ctx, "memmimic_searches_total", clock() - 60, clock() - 10, 10)
    assert len(series.times) == 6


def test_the_minutes_are_rolled_up_once_and_outlive_the_hot_window(ctx: Context, clock: Clock) -> None:
    collect(ctx, clock, 600, lambda tick: [sample("memmimic_health_score", 0.5 + tick / 1000)])
    service.roll_up(ctx)
    ctx.redis.flushall()
    assert service.roll_up(ctx) >= 1  # Nothing remains to read, and written samples stay.
    clock.move(2 * 3600)
    [series], _ = service.range(ctx, "memmimic_health_score", clock() - 2 * 3600 - 120, clock() - 2 * 3600, 60)
    assert series.values[0] == pytest.approx(0.55, abs=0.01)


def test_rollups_of_minutes_become_those_of_hours(sqlite_ctx: Context, clock: Clock) -> None:
    ctx = sqlite_ctx
    for _ in range(61):
        service.ingest(ctx, "t", [sample("memmimic_health_score", 1)], {}, clock(), 30)
        clock.move(60)
        service.roll_up(ctx)
    with ctx.read() as session:
        rows = (
            session.connection().exec_driver_sql("SELECT level, count(*), sum(count) FROM rollup GROUP BY level").all()
        )
    assert {level: total for level, _, total in rows} == {60: 60, 300: 60, 3600: 60}


def test_old_rollups_are_forgotten(ctx: Context, clock: Clock) -> None:
    collect(ctx, clock, 120, lambda tick: [sample("memmimic_health_score", 1)])
    service.roll_up(ctx)
    assert service.prune(ctx) == 0
    clock.move(49 * 3600)
    assert service.prune(ctx) > 0


def test_the_snapshot_has_the_shape_of_the_api(sqlite_ctx: Context, clock: Clock) -> None:
    ctx = sqlite_ctx
    kinds = {"memmimic_db_query_duration_seconds": Metadata("histogram")}
    rows = [
        sample("memmimic_searches_total", 5, instance="a"),
        sample("memmimic_searches_total", 7, instance="b"),
        sample("memmimic_cpu_usage_percent", 30, instance="a"),
        sample("memmimic_cpu_usage_percent", 50, instance="b"),
        sample("memmimic_health_score", 0.9, instance="a"),
        sample("memmimic_health_score", 0.4, instance="b"),
        sample("memmimic_cache_size_bytes", math.nan, instance="b"),
        sample("memmimic_db_query_duration_seconds_bucket", 2, le="1"),
        sample("memmimic_db_query_duration_seconds_bucket", 4, le="+Inf"),
        sample("memmimic_db_query_duration_seconds_sum", 6),
        sample("memmimic_db_query_duration_seconds_count", 4),
    ]
    service.ingest(ctx, "t", rows, kinds, clock(), 10)
    snapshot_of = service.snapshot_of(ctx)
    assert snapshot_of["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert snapshot_of["metrics"]["counters"] == {"memmimic_searches_total": 12}
    gauges = snapshot_of["metrics"]["gauges"]
    assert (gauges["memmimic_cpu_usage_percent"], gauges["cpu"], gauges["memmimic_health_score"]) == (50, 50, 0.4)
    assert "memmimic_cache_size_bytes" not in gauges
    histogram = snapshot_of["metrics"]["histograms"]["memmimic_db_query_duration_seconds"]
    assert (histogram["count"], histogram["mean"], histogram["buckets"]) == (4, 1.5, {"1": 2, "+Inf": 4})
    assert snapshot_of["metrics_summary"]["series"] == 10
    assert service.snapshot_of(ctx, "a")["metrics"]["counters"] == {"memmimic_searches_total": 5}


def test_performance_tells_what_is_usual_and_where_it_goes(sqlite_ctx: Context, clock: Clock) -> None:
    ctx = sqlite_ctx
    collect(ctx, clock, 1200, lambda tick: [sample("memmimic_cache_hit_rate", 0.8 - tick / 1000)])
    service.roll_up(ctx)
    clock.move(60)
    for _ in range(3):
        service.roll_up(ctx)
    performance = service.performance(ctx, 1)
    assert performance["historical_metrics"]
    assert performance["recommendations"][0]["metric"] == "memmimic_cache_hit_rate"
    assert {"mean", "median", "p80", "p95", "stdev", "samples", "updated_at"} == set(
        performance["baselines"]["memmimic_cache_hit_rate"]
    )


def test_a_range_of_too_many_steps_is_refused(sqlite_ctx: Context) -> None:
    with pytest.raises(BadQuery, match="11000"):
        service.range(sqlite_ctx, "up", 0, 86400 * 365, 0.001)


def test_the_history_is_counted_and_the_count_follows_it(ctx: Context, clock: Clock) -> None:
    assert service.historical_points(ctx) == 0
    collect(ctx, clock, 180, lambda tick: [sample("memmimic_health_score", 1)])
    service.roll_up(ctx)
    historical_points = service.historical_points(ctx)
    assert historical_points >= 1
    clock.move(60)
    collect(ctx, clock, 180, lambda tick: [sample("memmimic_health_score", 1)])
    service.roll_up(ctx)
    assert service.historical_points(ctx) > historical_points


def test_a_day_is_told_in_five_minutes_and_its_newest_part_in_minutes(sqlite_ctx: Context, clock: Clock) -> None:
    ctx = sqlite_ctx
    for _ in range(13):
        collect(ctx, clock, 60, lambda tick: [sample("memmimic_searches_total", tick * 20)])
        service.roll_up(ctx)
    clock.move(21)
    service.roll_up(ctx)
    results = [row["timestamp"][11:16] for row in service.performance(ctx, 24)["historical_metrics"]]
    assert results == ["00:05", "00:10", "00:11", "00:12", "00:13"]
    assert len(service.performance(ctx, 1)["historical_metrics"]) == 13


def test_a_value_says_what_it_is(sqlite_ctx: Context, clock: Clock) -> None:
    collect(sqlite_ctx, clock, 30, lambda tick: [sample("up", tick)])
    assert service.value(sqlite_ctx, "1 + 1", clock())[:2] == ("scalar", 2)
    assert service.value(sqlite_ctx, '"x"', clock())[:2] == ("string", "x")
    assert service.value(sqlite_ctx, "nothing", clock())[:2] == ("vector", [])
    kind, rows, _ = service.value(sqlite_ctx, "up[1m]", clock())
    assert kind == "matrix"
    assert rows[0].window.values.tolist() == [0, 1, 2]


def test_a_series_is_seen_at_its_first_sample(ctx: Context, clock: Clock) -> None:
    collect(ctx, clock, 60, lambda tick: [sample("memmimic_errors_total", 1, component="api")])
    both = [
        sample("memmimic_errors_total", 1, component="api"),
        sample("memmimic_errors_total", 5, component="database"),
    ]
    service.ingest(ctx, "t", both, {}, clock(), 10)
    assert len(service.instant(ctx, "memmimic_errors_total")) == 2
    # One sample is no rate, as in Prometheus.
    assert len(service.instant(ctx, "rate(memmimic_errors_total[1m])")) == 1


def test_series_of_the_time_are_listed_by_their_labels(ctx: Context, clock: Clock) -> None:
    collect(ctx, clock, 120, lambda tick: [sample("up", 1, job="a"), sample("memmimic_health_score", 1, job="b")])
    matcher = (Matcher("job", "=", "a"),)
    assert service.series(ctx, matcher, clock() - 60, clock()) == [labels.of(__name__="up", job="a")]
    assert len(service.every_series(ctx, clock() - 60, clock())) == 2
    with pytest.raises(BadQuery, match="non-empty"):
        service.series(ctx, (Matcher("job", "=~", ".*"),), 0, clock())
    service.roll_up(ctx)
    ctx.redis.flushall()
    assert len(service.every_series(ctx, 0, clock())) == 2
