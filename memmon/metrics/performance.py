"""Performance summary of MemMimic: history of some metrics, baselines, trends, and
recommendations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmon import encode
from memmon import labels as label_sets
from memmon.context import Context
from memmon.labels import Labels
from memmon.metrics import baseline_stats, snapshot
from memmon.metrics.history import store
from memmon.metrics.history.rollup import FIVE_MINUTES, LEVELS, MINUTE, Rollup
from memmon.promql.matcher import Matcher

HISTORY_METRICS = (
    "memmimic_health_score",
    "memmimic_memory_usage_percent",
    "memmimic_cpu_usage_percent",
    "memmimic_disk_usage_percent",
    "memmimic_cache_hit_rate",
    "memmimic_db_size_bytes",
)
FINE_FOR_HOURS = ((MINUTE, 6), (FIVE_MINUTES, 72))
"""Rollup length (s) by the longest range in hours."""
RATED = ("memmimic_searches_total", "memmimic_memories_stored_total", "memmimic_errors_total")


def performance(ctx: Context, hours: float, gauges: Mapping[str, float]) -> dict[str, Any]:
    """Return the history of the last `hours`, with baselines, trends and recommendations."""
    merged = _by_metric(_history(ctx, hours))
    baselines = {
        name: baseline_stats.stats([value for _, value in points]) | {"updated_at": encode.iso(points[-1][0])}
        for name, points in merged.items()
    }
    trends = {name: trend for name, points in merged.items() if (trend := baseline_stats.trend(points))}
    return {
        "historical_metrics": _timeline(merged),
        "baselines": baselines,
        "trends": trends,
        "recommendations": baseline_stats.recommendations(gauges, trends),
    }


def _history(ctx: Context, hours: float) -> list[tuple[int, dict[Labels, list[Rollup]]]]:
    """Return the rollups of the summarized metrics by their length (s): some hundred of the coarser
    ones, and minutes since the last of those.
    """
    now, matchers = ctx.now(), (Matcher(label_sets.NAME, "=~", "|".join((*HISTORY_METRICS, *RATED))),)
    level = next((level for level, most in FINE_FOR_HOURS if hours <= most), LEVELS[-1])
    start, end = int(now - hours * 3600), int(now) + 1
    with ctx.read() as session:
        levels = [(level, store.history(session, matchers, level, start, end))]
        if level != MINUTE:
            start = max((level_rows[-1].start + level for level_rows in levels[0][1].values()), default=start)
            levels.append((MINUTE, store.history(session, matchers, MINUTE, start, end)))
    return levels


def _by_metric(history: list[tuple[int, dict[Labels, list[Rollup]]]]) -> dict[str, list[tuple[float, float]]]:
    """Return (end, fleet value) by metric: means of gauges, increases per second of counters."""
    collected: dict[str, dict[int, list[float]]] = {}
    for level, rows in history:
        for labels, level_rows in rows.items():
            name = label_sets.name_of(labels)
            for part in level_rows:
                value = part.increase / level if name in RATED else part.sum / part.count
                collected.setdefault(name, {}).setdefault(part.start + level, []).append(value)
    return {
        name: [(float(end), snapshot.fleet_value(name, values)) for end, values in sorted(by_end.items())]
        for name, by_end in collected.items()
    }


def _timeline(merged: dict[str, list[tuple[float, float]]]) -> list[dict[str, Any]]:
    rows: dict[float, dict[str, Any]] = {}
    for name, points in merged.items():
        for start, value in points:
            rows.setdefault(start, {"timestamp": encode.iso(start), "metrics": {}})["metrics"][name] = value
    return [rows[start] for start in sorted(rows)]
