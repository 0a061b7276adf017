"""histogram_quantile over classic buckets. Source: prometheus/prometheus `promql/quantile.go`, `BucketQuantile`."""

from __future__ import annotations

import math
from collections.abc import Iterable

TOLERANCE = 1e-12
"""Counts that differ by less than this share of their sum are equal: they are sums of floats."""


def bound(text: str) -> float | None:
    """Return the upper bound that the label `le` says, None where it says none."""
    try:
        return float(text)
    except ValueError:
        return None


def quantile(q: float, buckets: Iterable[tuple[float, float]]) -> float:
    """Return the q-quantile of cumulative `buckets` (upper bound, count); NaN where they say nothing."""
    return quantile_of(q, buckets)[0]


def quantile_of(q: float, buckets: Iterable[tuple[float, float]]) -> tuple[float, bool]:
    """Return the q-quantile, and whether counts had to be lifted since a bucket counted less than a smaller one."""
    ordered = sorted(buckets)
    if math.isnan(q) or not ordered or not math.isinf(ordered[-1][0]) or len(ordered) < 2:
        return math.nan, False
    if q < 0 or q > 1:
        return math.copysign(math.inf, q), False
    bounds, counts, lifted = _monotonic(ordered)
    return _interpolated(q, bounds, counts), lifted


def _interpolated(q: float, bounds: list[float], counts: list[float]) -> float:
    total = counts[-1]
    if total == 0 or math.isnan(total):
        return math.nan
    rank = q * total
    index = next((i for i, count in enumerate(counts) if count >= rank), len(counts) - 1)
    if index == len(bounds) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start = bounds[index - 1] if index else 0.0
    below = counts[index - 1] if index else 0.0
    inside = counts[index] - below
    if inside == 0:
        return start
    return start + (bounds[index] - start) * ((rank - below) / inside)


def _monotonic(ordered: list[tuple[float, float]]) -> tuple[list[float], list[float], bool]:
    """Merge equal bounds and lift counts that fall, which buckets scraped at different moments may do."""
    bounds: list[float] = []
    counts: list[float] = []
    for upper, count in ordered:
        if bounds and bounds[-1] == upper:
            counts[-1] += count
        else:
            bounds.append(upper)
            counts.append(count)
    lifted = False
    for index in range(1, len(counts)):
        before, count = counts[index - 1], counts[index]
        if abs(count - before) <= TOLERANCE * abs(count + before):
            counts[index] = before
        elif count < before:
            counts[index] = before
            lifted = True
    return bounds, counts, lifted
