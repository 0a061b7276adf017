"""histogram_quantile and histogram_fraction over classic buckets.

Source: prometheus/prometheus `promql/quantile.go`, `BucketQuantile` and `BucketFraction`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from memmon.promql.annotations import Lift

TOLERANCE = 1e-12
"""Counts that differ by less than this share of their sum are equal: they are sums of floats."""


def bound(text: str) -> float | None:
    """Return the upper bound that the label `le` says, None where it says none."""
    try:
        # Python reads more than Go does: 1_000, and blanks around.
        return None if "_" in text or text != text.strip() else float(text)
    except ValueError:
        return None


def quantile(q: float, buckets: Iterable[tuple[float, float]]) -> float:
    """Return the q-quantile of cumulative `buckets` (upper bound, count); NaN where they say
    nothing.
    """
    return quantile_of(q, buckets)[0]


def quantile_of(q: float, buckets: Iterable[tuple[float, float]]) -> tuple[float, Lift | None]:
    """Return the q-quantile, and how counts were lifted where a bucket counted less than a smaller
    one.
    """
    if math.isnan(q):
        return math.nan, None
    if q < 0 or q > 1:
        return math.copysign(math.inf, q), None
    ordered = _merged(buckets)
    if not ordered or ordered[-1][0] != math.inf:
        return math.nan, None
    bounds, counts, lift = _monotonic(ordered)
    return _interpolated(q, bounds, counts), lift


def _interpolated(q: float, bounds: list[float], counts: list[float]) -> float:
    if len(bounds) < 2 or counts[-1] == 0:
        return math.nan
    rank = q * counts[-1]
    last = len(bounds) - 1
    index = next((i for i in range(last) if counts[i] >= rank), last)
    if index == last:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    inside = counts[index] - below
    # Only at rank 0 is nothing inside, and 0 of 0 is no share.
    return start + (bounds[index] - start) * ((rank - below) / inside) if inside else math.nan


def fraction(low: float, high: float, buckets: Iterable[tuple[float, float]]) -> float:
    """Return the share of observations from `low` to `high`, evenly spread in their buckets; NaN
    where they say nothing.
    """
    ordered = _merged(buckets)
    if not ordered or ordered[-1][0] != math.inf:
        return math.nan
    total = ordered[-1][1]
    if total == 0 or math.isnan(low) or math.isnan(high):
        return math.nan
    if low >= high:
        return 0.0
    return (_rank(high, ordered, total) - _rank(low, ordered, total)) / total


def _rank(value: float, ordered: list[tuple[float, float]], total: float) -> float:
    """Return how many observations are below `value`, of `total`."""
    start, below = (0.0 if ordered[0][0] > 0 else -math.inf), 0.0
    for upper, count in ordered:
        if start >= value:
            return min(below, total)
        if upper > value:
            # In a bucket without an end there is no place for a value: none of its observations are
            # below, or all are.
            if start == -math.inf:
                return min(count, total)
            return min(below + (count - below) * (value - start) / (upper - start), total)
        start, below = upper, count
    return total


def _merged(buckets: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the buckets by bound, those of one bound as one."""
    merged: dict[float, float] = {}
    for upper, count in buckets:
        merged[upper] = merged.get(upper, 0.0) + count
    return sorted(merged.items())


def _monotonic(ordered: list[tuple[float, float]]) -> tuple[list[float], list[float], Lift | None]:
    """Lift counts that fall, which those of buckets that were scraped at different moments may
    do.
    """
    counts = [count for _, count in ordered]
    lifts: list[tuple[float, float]] = []
    for index in range(1, len(counts)):
        before, count = counts[index - 1], counts[index]
        if abs(count - before) <= TOLERANCE * abs(count + before):
            counts[index] = before
        elif count < before:
            counts[index] = before
            lifts.append((ordered[index][0], before - count))
    lift = Lift(lifts[0][0], lifts[-1][0], max(upper_lift for _, upper_lift in lifts)) if lifts else None
    return [upper for upper, _ in ordered], counts, lift
