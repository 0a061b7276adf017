"""histogram_quantile over classic buckets. Source: prometheus/prometheus `promql/quantile.go`, `BucketQuantile`."""

from __future__ import annotations

import math
from collections.abc import Iterable


def quantile(q: float, buckets: Iterable[tuple[float, float]]) -> float:
    """Return the q-quantile of cumulative `buckets` (upper bound, count); NaN where they say nothing."""
    ordered = sorted(buckets)
    if math.isnan(q) or not ordered or not math.isinf(ordered[-1][0]) or len(ordered) < 2:
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    bounds, counts = _monotonic(ordered)
    total = counts[-1]
    if total == 0 or math.isnan(total):
        return math.nan
    rank = q * total
    index = next(i for i, count in enumerate(counts) if count >= rank)
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


def _monotonic(ordered: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Merge equal bounds and lift counts that fall, which buckets scraped at different moments may do."""
    bounds: list[float] = []
    counts: list[float] = []
    for bound, count in ordered:
        if bounds and bounds[-1] == bound:
            counts[-1] += count
        else:
            bounds.append(bound)
            counts.append(count)
    for index in range(1, len(counts)):
        counts[index] = max(counts[index], counts[index - 1])
    return bounds, counts
