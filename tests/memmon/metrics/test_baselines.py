"""Baselines are published as samples, and an ordinary rule finds an unusual latency."""

from __future__ import annotations

import numpy as np
import pytest

from memmon import labels
from memmon.alerts import rule
from memmon.config import DEFAULTS
from memmon.config.document import read
from memmon.config.rules import RuleFile
from memmon.context import Context
from memmon.metrics import baseline_stats, baselines, service
from memmon.metrics.history import store
from memmon.metrics.history.rollup import FIVE_MINUTES, HOUR, Rollup
from memmon.samples import Sample
from tests.conftest import Clock

SEARCH, LATENCY = "memmimic_search_duration_seconds", "memmimic_search_latency_seconds"
OWN = {"job": "memmimic", "instance": "a"}
RULES = {entry.name: entry for entry in rule.alerting(read(DEFAULTS / "rules.yml", RuleFile))}


def remember(ctx: Context, level: int, end: int, means: list[float], name: str = SEARCH) -> None:
    """Let each stretch before `end` have had ten searches of a mean latency, by two components."""
    with ctx.write() as session:
        for index, mean in enumerate(means):
            start = end - (len(means) - index) * level
            for part, value in (("sum", 10 * mean), ("count", 10.0)):
                for component in ("api", "cli"):
                    entry = labels.of({**OWN, "component": component, "__name__": f"{name}_{part}"})
                    [minute_index] = store.series_ids(session, [entry]).values()
                    store.add_rollups(session, level, {minute_index: Rollup(start, 0, 0, 0, 10, value, value)})


def search(ctx: Context, clock: Clock, seconds: float, mean: float, name: str = SEARCH) -> None:
    """Let time pass with a search a second."""
    for tick in range(int(seconds) // 10):
        pairs = [(f"{name}_sum", tick * 10 * mean), (f"{name}_count", tick * 10.0)]
        arguments = [Sample(labels.of({**OWN, "__name__": metric}), value) for metric, value in pairs]
        service.ingest(ctx, "t", arguments, {}, clock(), 10)
        clock.move(10)
    service.publish_baselines(ctx)


def stats_of(ctx: Context) -> dict[str, float]:
    points = service.instant(ctx, f'memmimic_baseline{{metric="{LATENCY}",instance="a",job="memmimic"}}')
    return {labels.get(point.labels, "stat"): point.value for point in points}


def test_what_is_usual_is_told_by_job_and_instance(ctx: Context, clock: Clock) -> None:
    means = [0.1 + 0.001 * n for n in range(30)]
    remember(ctx, FIVE_MINUTES, int(clock()), means)
    assert service.publish_baselines(ctx) == 4
    assert stats_of(ctx) == pytest.approx(
        {
            "median": np.median(means),
            "mad": np.median(np.abs(np.array(means) - np.median(means))),
            "p80": np.quantile(means, 0.8),
            "p95": np.quantile(means, 0.95),
        }
    )


def test_of_a_short_history_nothing_is_said(ctx: Context, clock: Clock) -> None:
    remember(ctx, FIVE_MINUTES, int(clock()), [0.1] * (baseline_stats.FEWEST - 1))
    assert service.publish_baselines(ctx) == 0
    assert stats_of(ctx) == {}


def test_it_is_worked_out_once_an_hour(sqlite_ctx: Context, clock: Clock) -> None:
    remember(sqlite_ctx, FIVE_MINUTES, int(clock()), [0.1] * 30)
    service.publish_baselines(sqlite_ctx)
    remember(sqlite_ctx, FIVE_MINUTES, int(clock()) + 30 * FIVE_MINUTES, [0.3] * 30)
    clock.move(60)
    service.publish_baselines(sqlite_ctx)
    assert stats_of(sqlite_ctx)["p95"] == pytest.approx(0.1)
    clock.move(3 * HOUR)
    service.publish_baselines(sqlite_ctx)
    assert stats_of(sqlite_ctx)["median"] == pytest.approx(0.2)


def test_an_hour_of_the_week_has_its_own_once_there_were_enough_weeks(sqlite_ctx: Context, clock: Clock) -> None:
    clock.now = 1767603600.0  # Monday, 2026-01-05, 09:00.
    assert baseline_stats.hour_of_week(int(clock())) == 9
    hours = 3 * 168
    busy = [1.0 if (index % 168) == 0 else 0.1 for index in range(hours)]
    remember(sqlite_ctx, HOUR, int(clock()), busy)
    remember(sqlite_ctx, FIVE_MINUTES, int(clock()), [0.1] * 30)
    service.publish_baselines(sqlite_ctx)
    assert stats_of(sqlite_ctx)["seasonal_median"] == pytest.approx(1.0)
    clock.move(HOUR)
    service.publish_baselines(sqlite_ctx)
    assert stats_of(sqlite_ctx)["seasonal_median"] == pytest.approx(0.1)


def test_a_gauge_is_told_by_its_means(sqlite_ctx: Context, clock: Clock) -> None:
    entry = labels.of({**OWN, "__name__": "memmimic_cache_hit_rate"})
    with sqlite_ctx.write() as session:
        [hour_index] = store.series_ids(session, [entry]).values()
        for index in range(30):
            start = int(clock()) - (index + 1) * FIVE_MINUTES
            store.add_rollups(session, FIVE_MINUTES, {hour_index: Rollup(start, 0, 1, 6.0, 10, 0.5, 0)})
    assert {dict(sample.labels)["stat"]: sample.value for sample in _samples(sqlite_ctx)}["median"] == pytest.approx(
        0.6
    )


def _samples(ctx: Context) -> list[Sample]:
    baselines.compute(ctx)
    return baselines.samples(ctx)


@pytest.mark.parametrize(
    ("name", "alert"),
    [(SEARCH, "search_latency_unusual"), ("memmimic_storage_duration_seconds", "storage_latency_unusual")],
)
def test_the_default_rules_tell_a_latency_that_is_unusual_here(
    sqlite_ctx: Context, clock: Clock, name: str, alert: str
) -> None:
    ctx, expr = sqlite_ctx, RULES[alert].expr
    search(ctx, clock, 300, 5.0, name)
    assert service.instant(ctx, expr) == []  # There is no baseline yet.
    noise = np.random.default_rng(0).normal(0.2, 0.02, 200)
    remember(ctx, FIVE_MINUTES, int(clock()), noise.tolist(), name)
    clock.move(HOUR)
    search(ctx, clock, 300, 0.21, name)
    assert service.instant(ctx, expr) == []
    clock.move(HOUR)
    search(ctx, clock, 300, 0.6, name)
    [point] = service.instant(ctx, expr)
    assert (dict(point.labels), point.value) == (OWN, pytest.approx(0.6, rel=0.05))
