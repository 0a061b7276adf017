"""Computes metric baselines from history every hour, stores them in SQL, and publishes them as
samples for rules.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.context import Context
from memmon.labels import Labels
from memmon.metrics import baseline_stats
from memmon.metrics.history import store
from memmon.metrics.history.rollup import FIVE_MINUTES, HOUR
from memmon.promql.matcher import Matcher
from memmon.samples import Metadata, Sample

NAME = "memmimic_baseline"
ABOUT = {NAME: Metadata("gauge", "Baseline of a metric, by statistic; of latencies in seconds")}
LATENCIES = {
    "memmimic_search_latency_seconds": "memmimic_search_duration_seconds",
    "memmimic_storage_latency_seconds": "memmimic_storage_duration_seconds",
}
"""Mean latency -> the histogram that it is the mean of."""
GAUGES = ("memmimic_memory_usage_percent", "memmimic_cpu_usage_percent", "memmimic_cache_hit_rate")
WEEK = 7 * 24 * HOUR
OWNER = ("job", "instance")


class Means(NamedTuple):
    """The mean of a metric in stretches of time that begin at `starts` (Unix seconds)."""

    starts: NDArray[np.int64]
    values: NDArray[np.float64]


def compute(ctx: Context) -> int:
    """Compute the baseline of every metric, job and instance with enough history; return how
    many.
    """
    now, rows = ctx.now(), []
    for metric in (*LATENCIES, *GAUGES):
        recent = _means(ctx, metric, FIVE_MINUTES, int(now) - WEEK, int(now))
        long = _means(ctx, metric, HOUR, 0, int(now))
        for labels, means in recent.items():
            stats = baseline_stats.usual(means.values)
            if stats:
                seasons = long.get(labels)
                seasonal = baseline_stats.seasonal(seasons.starts, seasons.values) if seasons else {}
                rows.append(
                    {
                        "metric": metric,
                        "fingerprint": label_sets.fingerprint(labels),
                        "labels": dict(labels),
                        "stats": {**stats, "seasonal": seasonal},
                        "updated_at": now,
                    }
                )
    with ctx.write() as session:
        store.save_baselines(session, rows)
    return len(rows)


def samples(ctx: Context) -> list[Sample]:
    """Return the current baselines as samples: `memmimic_baseline{metric,stat,job,instance}`."""
    hour = str(baseline_stats.hour_of_week(int(ctx.now())))
    samples_ = []
    with ctx.read() as session:
        for row in store.baselines(session):
            stats = {name: value for name, value in row.stats.items() if name != "seasonal"}
            if hour in row.stats["seasonal"]:
                median, mad = row.stats["seasonal"][hour]
                stats |= {"seasonal_median": median, "seasonal_mad": mad}
            for stat, value in stats.items():
                pairs = {**row.labels, "metric": row.metric, "stat": stat, label_sets.NAME: NAME}
                samples_.append(Sample(label_sets.of(pairs), float(value)))
    return samples_


def _means(ctx: Context, metric: str, level: int, start: int, end: int) -> dict[Labels, Means]:
    """Return the means of a metric by job and instance, of stretches of `level` that begin in
    [start, end).
    """
    source = LATENCIES.get(metric)
    if source is None:
        above, below = (_totals(ctx, metric, level, start, end, column) for column in ("sum", "count"))
    else:
        above, below = (_totals(ctx, f"{source}_{end_}", level, start, end, "increase") for end_ in ("sum", "count"))
    rows = {}
    for labels, totals in above.items():
        counts = below.get(labels, {})
        both = [(at, total / counts[at]) for at, total in sorted(totals.items()) if counts.get(at)]
        if both:
            starts, values = zip(*both, strict=True)
            rows[labels] = Means(np.array(starts, dtype=np.int64), np.array(values))
    return rows


def _totals(ctx: Context, name: str, level: int, start: int, end: int, column: str) -> dict[Labels, dict[int, float]]:
    """Return a column of a metric's rollups, summed over all series of a job and instance, by the
    time.
    """
    with ctx.read() as session:
        fitting = store.series(session, (Matcher(label_sets.NAME, "=", name),))
        stretches = store.stretches(session, list(fitting), level, start, end, [column])
    totals_by_owner: dict[Labels, dict[int, float]] = {}
    for series_id, stretch in stretches.items():
        totals = totals_by_owner.setdefault(label_sets.only(fitting[series_id], OWNER), {})
        for at, value in zip(stretch.starts.tolist(), stretch.columns[column].tolist(), strict=True):
            if math.isfinite(value):
                totals[at] = totals.get(at, 0.0) + value
    return totals_by_owner
