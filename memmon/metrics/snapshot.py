"""Pure: the JSON of /api/metrics out of the newest samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from memmon import labels as label_sets
from memmon.metrics.exposition import family_of
from memmon.promql.exact import histogram
from memmon.samples import Metadata, Point

WORST = ("_percent", "_average_1m", "_average_5m", "_average_15m", "_seconds", "_status")
LEAST = ("memmimic_health_score", "memmimic_cache_hit_rate", "memmimic_health_check_status")
SHORT_NAMES = {
    "cpu": "memmimic_cpu_usage_percent",
    "memory": "memmimic_memory_usage_percent",
    "disk": "memmimic_disk_usage_percent",
}


def of(points: Iterable[Point], metadata: Mapping[str, Metadata], instance: str | None = None) -> dict[str, Any]:
    """Return counters, gauges and histograms of the fleet, or of one `instance`.

    Over several instances a value is the sum for counters, bytes and connections, the worst for
    percentages, and the least for the health score and the hit rate.
    """
    counters: dict[str, list[float]] = {}
    gauges: dict[str, list[float]] = {}
    histograms: dict[str, list[Point]] = {}
    for point in points:
        name = label_sets.name_of(point.labels)
        if not name.startswith("memmimic_") or (instance and label_sets.get(point.labels, "instance") != instance):
            continue
        family = family_of(name, metadata)
        if family != name:
            histograms.setdefault(family, []).append(point)
        elif not math.isnan(point.value):
            counter = name.endswith("_total") or metadata.get(name, Metadata("untyped")).kind == "counter"
            (counters if counter else gauges).setdefault(name, []).append(point.value)
    combined = {name: fleet_value(name, values) for name, values in sorted(gauges.items())}
    combined |= {short: combined[name] for short, name in SHORT_NAMES.items() if name in combined}
    return {
        "counters": {name: sum(values) for name, values in sorted(counters.items())},
        "gauges": combined,
        "histograms": {name: describe(name, points) for name, points in sorted(histograms.items())},
    }


def fleet_value(name: str, values: list[float]) -> float:
    """Return one number for the gauge `name` of several instances."""
    if name in LEAST:
        return min(values)
    if name.endswith(WORST):
        return max(values)
    return sum(values)


def describe(name: str, points: list[Point]) -> dict[str, Any]:
    """Return count, sum, cumulative buckets, mean and quantiles of a histogram, its instances added
    up.
    """
    buckets: dict[float, float] = {}
    count = total = 0.0
    for point in points:
        if label_sets.name_of(point.labels) == f"{name}_bucket":
            bound = float(label_sets.get(point.labels, "le") or "nan")
            buckets[bound] = buckets.get(bound, 0.0) + point.value
        elif label_sets.name_of(point.labels) == f"{name}_count":
            count += point.value
        else:
            total += point.value
    return {
        "count": count,
        "sum": total,
        "buckets": {_bound(bound): value for bound, value in sorted(buckets.items())},
        "mean": total / count if count else None,
        **{f"p{round(q * 100)}": histogram.quantile(q, buckets.items()) for q in (0.5, 0.95, 0.99)},
    }


def _bound(value: float) -> str:
    return "+Inf" if math.isinf(value) else f"{value:g}"
