"""Pure: baselines, trends, and recommendations of a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TARGET_HIT_RATE = 0.85  # The runbook's.
FEWEST = 24
"""Fewest five-minute means (two hours) for a baseline."""
FEWEST_WEEKS = 3


def stats(values: Sequence[float]) -> dict[str, float]:
    """Return mean, median, p80, p95, standard deviation and number of `values`, of which there is
    at least one.
    """
    array = np.asarray(values, dtype=float)
    return {
        "mean": float(array.mean()),
        "median": float(np.median(array)),
        "p80": float(np.quantile(array, 0.8)),
        "p95": float(np.quantile(array, 0.95)),
        "stdev": float(array.std()),
        "samples": float(len(array)),
    }


def usual(values: NDArray[np.float64]) -> dict[str, float]:
    """Return median, MAD (the median distance from the median), p80 and p95; nothing where there
    are too few.
    """
    if len(values) < FEWEST:
        return {}
    median = float(np.median(values))
    return {
        "median": median,
        "mad": float(np.median(np.abs(values - median))),
        "p80": float(np.quantile(values, 0.8)),
        "p95": float(np.quantile(values, 0.95)),
    }


def hour_of_week(at: int) -> int:
    """Return the hour of the week of `at` (Unix seconds, UTC), 0 on Monday at midnight."""
    return (at // 3600 + 3 * 24) % (7 * 24)  # 1970 began on a Thursday.


def seasonal(starts: NDArray[np.int64], values: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """Return median and MAD by hour of the week, of those hours that there were of enough weeks."""
    medians: dict[str, tuple[float, float]] = {}
    hours = (starts // 3600 + 3 * 24) % (7 * 24)
    for hour in np.unique(hours).tolist():
        hour_values = values[hours == hour]
        if len(hour_values) >= FEWEST_WEEKS:
            median = float(np.median(hour_values))
            medians[str(hour)] = (median, float(np.median(np.abs(hour_values - median))))
    return medians


def trend(points: Sequence[tuple[float, float]]) -> dict[str, Any] | None:
    """Return change per hour and direction of (Unix seconds, value); None below three points."""
    if len(points) < 3:
        return None
    times = np.array([at for at, _ in points]) / 3600
    values = np.array([value for _, value in points])
    slope = float(np.polyfit(times - times[0], values, 1)[0])
    spread = float(values.std()) or 1.0
    moved = slope * float(times[-1] - times[0])
    direction = "stable" if abs(moved) < spread else ("rising" if moved > 0 else "falling")
    return {"per_hour": slope, "direction": direction, "first": float(values[0]), "last": float(values[-1])}


def recommendations(gauges: Mapping[str, float], trends: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return advice that the numbers at hand support, each with the metric that it is about."""
    advice: list[dict[str, str]] = []
    hit_rate = gauges.get("memmimic_cache_hit_rate")
    if hit_rate is not None and hit_rate < TARGET_HIT_RATE:
        text = f"cache hit rate is {hit_rate:.0%}, below the target of 85 %: enlarge the cache or look at its keys"
        advice.append({"metric": "memmimic_cache_hit_rate", "message": text})
    for name, limit in (("memmimic_memory_usage_percent", 80), ("memmimic_disk_usage_percent", 80)):
        value = gauges.get(name)
        rising = trends.get(name, {}).get("direction") == "rising"
        if value is not None and (value > limit or (rising and value > limit * 0.8)):
            word = "and rising" if rising else "used"
            advice.append({"metric": name, "message": f"{value:.0f} % {word}: plan for more, or find what consumes it"})
    return advice
