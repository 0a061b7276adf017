"""Queries over history return the results of the samples, for every rollup length."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from memmon import labels
from memmon.context import Context
from memmon.metrics import service
from memmon.metrics.head.series_layout import Member, row_of
from memmon.metrics.history import compaction
from memmon.promql.query import Query
from memmon.samples import Sample, Series
from memmon.state import keys
from tests.conftest import Clock
from tests.memmon.promql.memory import Memory

EVERY = 20
HOURS = 5


def gauge(tick: int) -> float:
    return 50 + 30 * np.sin(tick / 37) + tick % 7


def counter(tick: int) -> float:
    """Rises by 3 a tick; begins anew every 500 ticks."""
    return 3.0 * (tick % 500)


@pytest.fixture
def truth(sqlite_ctx: Context, clock: Clock) -> Memory:
    """Let some hours pass, rolled up as they go; return all samples of them."""
    start, ticks = clock(), HOURS * 3600 // EVERY
    for tick in range(ticks):
        clock.now = start + tick * EVERY
        samples = [Sample(labels.of(__name__=name), make(tick)) for name, make in (("g", gauge), ("c", counter))]
        rows = [row_of(Member("t", labels.of(instance="a")), samples, round(clock() * 1000))]
        service.ingest_rows(sqlite_ctx, "s", rows, {}, int(clock() // EVERY), EVERY * 1000)
        if tick % 90 == 0:
            service.roll_up(sqlite_ctx)
    clock.now = start + HOURS * 3600
    service.roll_up(sqlite_ctx)
    times = np.array([round((start + tick * EVERY) * 1000) for tick in range(ticks)])
    return Memory(
        [
            Series(labels.of(__name__=name, instance="a"), times, np.array([float(make(t)) for t in range(ticks)]))
            for name, make in (("g", gauge), ("c", counter))
        ]
    )


@pytest.mark.parametrize("level", [60, 300, 3600])
def test_a_range_over_history_says_what_the_samples_say(
    sqlite_ctx: Context, clock: Clock, truth: Memory, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memmon.metrics.query_source.level_of", lambda age: level)
    start, end = clock() - HOURS * 3600 + 7200, clock()
    for expr, off in (
        ("max_over_time(g[1h])", 1e-9),
        ("min_over_time(g[1h])", 1e-9),
        ("avg_over_time(g[1h])", 0.03),  # An end of the range may be in mid rollup.
        ("sum_over_time(g[1h])", 0.03),
        ("count_over_time(g[1h])", 0.01),
        ("increase(c[1h])", 0.02),
        ("rate(c[1h])", 0.02),
    ):
        [actual], _ = service.range(sqlite_ctx, expr, start, end, 3600)
        [expected] = Query(expr, truth, start, end).steps(3600)
        assert actual.times.tolist() == expected.times.tolist(), expr
        assert actual.values == pytest.approx(expected.values, rel=off), expr


@pytest.mark.parametrize(("step", "most"), [(61, 10**6), (600, 10**6), (3600, 10**6), (600, 1)])
def test_every_step_of_any_width_finds_a_value(
    sqlite_ctx: Context, clock: Clock, truth: Memory, step: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memmon.metrics.query_source.level_of", lambda age: 3600)
    monkeypatch.setattr("memmon.metrics.query_source.MOST_SAMPLES", most)
    start, end = clock() - HOURS * 3600 + 3600, clock() - EVERY
    for expr in ("g", "rate(c[5m])", "avg_over_time(g[5m])"):
        [actual], _ = service.range(sqlite_ctx, expr, start, end, step)
        assert len(actual.times) == int((end - start) // step) + 1, expr
    [rates], _ = service.range(sqlite_ctx, "rate(c[5m])", start, end, step)
    # Where samples are thinned, the range with both thin and dense ones in it is stretched to its
    # ends by less.
    near = np.abs(rates.values[1:-1] - 3 / EVERY) < 0.05 * 3 / EVERY
    assert near.sum() >= len(near) - (1 if most == 1 else 0)


def test_minutes_that_redis_forgot_or_nobody_rolled_up_are_made_good(ctx: Context, clock: Clock) -> None:
    def rows() -> list[tuple[int, int]]:
        with ctx.read() as session:
            text = "SELECT level, count(*) FROM rollup GROUP BY level ORDER BY level"
            return [tuple(row) for row in session.connection().exec_driver_sql(text)]

    def pass_minutes(amount: int) -> None:
        for _ in range(amount * 2):
            sample = Sample(labels.of(__name__="g"), 1.0)
            service.ingest(ctx, "t", [sample], {}, clock(), 30)
            clock.move(30)

    pass_minutes(10)
    service.roll_up(ctx)
    assert rows() == [(60, 9), (300, 1)]
    pass_minutes(12)
    ctx.redis.delete(keys.rolled_up())
    assert service.roll_up(ctx) >= 12
    assert rows() == [(60, 21), (300, 4)]
    assert service.roll_up(ctx) == 0
    ctx.redis.delete(keys.rolled_up())
    service.roll_up(ctx)
    assert rows() == [(60, 21), (300, 4)]


def test_two_workers_at_once_write_each_rollup_once(ctx: Context, clock: Clock) -> None:
    for index in range(20):
        service.ingest(ctx, "t", [Sample(labels.of(__name__="g"), float(index))], {}, clock(), 30)
        clock.move(30)
    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(lambda _: service.roll_up(ctx), range(4))) > 0
    with ctx.read() as session:
        actual = session.connection().exec_driver_sql("SELECT count(*), sum(count) FROM rollup WHERE level = 60").all()
    assert [tuple(row) for row in actual] == [(9, 18)]


def test_old_rollups_go_in_bounded_steps(ctx: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        service.ingest(ctx, "t", [Sample(labels.of(__name__="g"), 1.0)], {}, clock(), 30)
        clock.move(30)
    service.roll_up(ctx)
    monkeypatch.setattr(compaction, "PRUNED_AT_ONCE", 2)
    clock.move(400 * 24 * 3600)
    assert service.prune(ctx) == 9 + 1 + 1
    assert service.historical_points(ctx) == 0
