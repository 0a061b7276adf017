"""Pure: what a stretch of samples, or of finer rollups, comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memmon.samples import Series

MINUTE, FIVE_MINUTES, HOUR = 60, 300, 3600
LEVELS = (MINUTE, FIVE_MINUTES, HOUR)


class Rollup(NamedTuple):
    """The values of one series in [start, start + level). `increase` is reset-corrected and counts
    from the value before.
    """

    start: int
    min: float
    max: float
    sum: float
    count: int  # type: ignore[assignment]  # Shadows tuple.count, which nobody calls here.
    last: float
    increase: float


def of_samples(series: Series, start: int, level: int) -> Rollup | None:
    """Return the rollup of the samples in [start, start + level) seconds, or None without
    samples.
    """
    real = np.isfinite(series.values)  # A staleness marker is no number either.
    times, values = series.times[real], series.values[real]
    low, high = times.searchsorted((start * 1000, (start + level) * 1000)).tolist()
    if low == high:
        return None
    inside = values[low:high].tolist()
    path = values[max(0, low - 1) : high].tolist()
    increase = sum(after if after < before else after - before for before, after in zip(path, path[1:], strict=False))
    return Rollup(start, min(inside), max(inside), sum(inside), len(inside), inside[-1], float(increase))


def of_rollups(rollups: Sequence[Rollup], start: int) -> Rollup | None:
    """Return what finer rollups, in order of time, come to together."""
    if not rollups:
        return None
    return Rollup(
        start,
        min(part.min for part in rollups),
        max(part.max for part in rollups),
        sum(part.sum for part in rollups),
        sum(part.count for part in rollups),
        rollups[-1].last,
        sum(part.increase for part in rollups),
    )


def retention(level: int, hours: int) -> float:
    """Return for how many seconds rollups of `level` are kept when the longest are kept for
    `hours`.
    """
    longest = {MINUTE: 48, FIVE_MINUTES: 14 * 24}.get(level, hours)
    return min(longest, hours) * 3600.0
