"""How fast questions over many series are answered, and what an evaluator holds in memory for
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from bench import prometheus
from bench.place import Clock, place
from bench.report import Figure
from memmon.context import Context
from memmon.labels import Labels, of
from memmon.metrics import service as metrics
from memmon.metrics.head import series_layout
from memmon.metrics.head.series_layout import Member, Row

START = 1_767_225_600
ROUNDS = 92
"""A quarter of an hour at 10 s: sixty steps, with five minutes before the first."""
BOUNDS = [f"{2**at / 1000:g}" for at in range(47)] + ["+Inf"]
RULE = "sum by (instance) (rate(errors_total[5m])) / sum by (instance) (rate(requests_total[5m])) > 0.5"
HALF = RULE.replace("[", '{half="0"}[')
QUANTILE = "histogram_quantile(0.95, rate(latency_seconds_bucket[5m]))"
RANGE = "sum by (instance) (rate(errors_total[5m]))"


class Data:
    """Counters of `members` instances: 24 errors and 24 requests by path each, 48 buckets."""

    def __init__(self, members: int):
        self.members = [Member(f"i{index}", of(instance=f"i{index}", job="bench")) for index in range(members)]
        paths = [of(path=f"/p{index}", half=str(index % 2)) for index in range(24)]
        self.series: list[tuple[str, Labels]] = [
            *(("errors_total", path) for path in paths),
            *(("requests_total", path) for path in paths),
            *(("latency_seconds_bucket", of(le=bound)) for bound in BOUNDS),
        ]
        chance = np.random.default_rng(0)
        steps = chance.integers(0, 50, (ROUNDS, members, len(self.series)))
        steps[:, :, 48:] = np.cumsum(steps[:, :, 48:], axis=2)
        self.values: NDArray[np.float64] = np.cumsum(steps, axis=0).astype(np.float64)

    def rows(self, round_index: int) -> list[Row]:
        """Return one round."""
        form = series_layout.of([name for name, _ in self.series], [labels for _, labels in self.series])
        at = (START + 10 * round_index) * 1000
        return [Row(member, form, self.values[round_index, index], at) for index, member in enumerate(self.members)]

    def lines(self) -> Iterator[str]:
        """Return it all as OpenMetrics lines, a family at a time."""
        for name, first, last in (("errors", 0, 24), ("requests", 24, 48), ("latency_seconds", 48, 96)):
            yield f"# TYPE {name} {'unknown' if first == 48 else 'counter'}"
            for index, member in enumerate(self.members):
                for column in range(first, last):
                    metric, labels = self.series[column]
                    if first == 48:
                        metric = "latency_seconds"
                    inside = ",".join(f'{key}="{value}"' for key, value in (*member.labels, *labels))
                    for round_index in range(ROUNDS):
                        yield f"{metric}{{{inside}}} {self.values[round_index, index, column]:.0f} {START + 10 * round_index}"


def measure(members: int, times: int, beside: bool) -> list[Figure]:
    """Measure the rule, the quantiles and the range; what Prometheus needs for each is its own
    account of it.
    """
    data, clock = Data(members), Clock(START)
    with place(clock) as ctx:
        before = psutil.Process().memory_info().rss
        last = ROUNDS - 2 * times
        for index in range(last):
            write(ctx, clock, data, index)
        rule = _timed(lambda: metrics.instant(ctx, HALF), lambda at: write(ctx, clock, data, last + at), times)
        last += times
        whole = _timed(lambda: metrics.instant(ctx, RULE), lambda at: write(ctx, clock, data, last + at), times)
        quantile = _timed(lambda: metrics.instant(ctx, QUANTILE), lambda at: None, times)
        end = clock.now
        steps = _timed(lambda: metrics.range(ctx, RANGE, end - 590, end, 10), lambda at: None, times)
        memory = (psutil.Process().memory_info().rss - before) / 2**20
        windows = metrics.warm(ctx).size / 2**20
    theirs: dict[str, Any] = {}
    if beside:
        with prometheus.over(data.lines()) as server:
            quantile_there = QUANTILE.replace("latency_seconds_bucket", "latency_seconds")
            theirs = {
                "rule": server.milliseconds("/api/v1/query", times, query=HALF, time=end),
                "whole": server.milliseconds("/api/v1/query", times, query=RULE, time=end),
                "quantile": server.milliseconds("/api/v1/query", times, query=quantile_there, time=end),
                "range": server.milliseconds(
                    "/api/v1/query_range", times, query=RANGE, start=end - 590, end=end, step=10
                ),
            }
    series_count = members * 24
    return [
        Figure(
            f"rule over {series_count} series, half of them a metric, the newest row read",
            "ms",
            rule,
            10.0,
            theirs.get("rule"),
        ),
        Figure(f"the same over 2 x {series_count} series", "ms", whole, 10.0, theirs.get("whole")),
        Figure(f"histogram_quantile over {members * 48} buckets", "ms", quantile, 15.0, theirs.get("quantile")),
        Figure(
            f"query_range, 60 steps over {series_count} series", "ms", steps, theirs.get("range"), theirs.get("range")
        ),
        Figure("memory of the evaluator for all of that", "MB", memory, None, None, f"{windows:.0f} of it windows"),
    ]


def write(ctx: Context, clock: Clock, data: Data, round_index: int) -> None:
    """Take one round in, in shards of fifty."""
    clock.now = START + 10 * round_index
    rows = data.rows(round_index)
    for first in range(0, len(rows), 50):
        metrics.ingest_rows(ctx, f"critical:{first // 50}", rows[first : first + 50], {}, int(clock.now // 10), 10_000)


def _timed(ask: Callable[[], object], before: Callable[[int], object], times: int) -> float:
    """Return the median milliseconds of `ask`, each time after `before`, once it was asked for the
    first time.
    """
    ask()
    durations = []
    for index in range(times):
        before(index)
        began = time.perf_counter()
        ask()
        durations.append((time.perf_counter() - began) * 1000)
    return median(durations)
