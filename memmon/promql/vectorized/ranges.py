"""Functions over ranges, of many series and steps at once. `ranges` says what each of them
means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from memmon.promql import numbers
from memmon.promql.vectorized.dense import Dense
from memmon.promql.vectorized.frame import Bools, Floats, Indexes

GATHERED = 2_000_000
"""Cells of windows that are laid side by side at once."""
CANCELLED = 1e-2
"""Sums below this share of their summands lost precision and are recomputed exactly."""


class Windows:
    """The rows [low, high) of each member at each step, of windows (start, end] in seconds."""

    def __init__(self, dense: Dense, low: Indexes, high: Indexes, start: Floats, end: Floats):
        self.dense, self.low, self.high = dense, low, high
        self.start, self.end = start, end

    @property
    def counts(self) -> Indexes:
        """How many samples each series has in the window: [K, S]."""
        counts: Indexes = self.per_series(self.high - self.low)
        return counts

    def per_series(self, of_members: Any) -> Any:
        """Return [K, S] of [K, M]."""
        member = self.dense.member
        if len(member) == of_members.shape[1] and _is_order(member):
            return of_members
        return of_members[:, member]

    def at(self, rows: Indexes) -> Floats:
        """Return the values at one row for each member and step: [K, S]. Rows beyond the data give
        anything.
        """
        values, place = self.dense.values, self.dense.place
        last = len(values) - 1
        if rows.size and (rows == rows[:, :1]).all():
            picked: Floats = values[np.clip(rows[:, 0], 0, last)]
            return picked if len(place) == values.shape[1] and _is_order(place) else picked[:, place]
        sample_values: Floats = values[np.clip(self.per_series(rows), 0, last), place]
        return sample_values

    def seconds(self, rows: Indexes) -> Floats:
        """Return the times at one row for each member and step, in seconds: [K, M]."""
        times = self.dense.times
        sample_times: Floats = times[np.clip(rows, 0, len(times) - 1), np.arange(times.shape[1])] / 1000.0
        return sample_times

    def reduced(self, function: Callable[[Floats, Bools], Floats]) -> Floats:
        """Return `function` of the windows laid side by side: values [k, L, S] and what of them
        counts; [K, S].
        """
        steps, length = len(self.low), int((self.high - self.low).max(initial=0))
        results = np.zeros((steps, len(self.dense.place)))
        if not length:
            return results
        steps_at_once = max(1, GATHERED // max(1, length * len(self.dense.place)))
        for first in range(0, steps, steps_at_once):
            batch = slice(first, min(first + steps_at_once, steps))
            results[batch] = function(*self._laid(batch, length))
        return results

    def _laid(self, batch: slice, length: int) -> tuple[Floats, Bools]:
        low, high, values, place = self.low[batch], self.high[batch], self.dense.values, self.dense.place
        if len(low) == 1 and (low == low[:, :1]).all() and (high == high[:, :1]).all():
            rows = values[int(low[0, 0]) : int(high[0, 0])]
            picked = rows if len(place) == values.shape[1] and _is_order(place) else rows[:, place]
            return picked[None], np.ones((1, len(picked), len(place)), dtype=bool)
        rows = self.per_series(low)[:, None, :] + np.arange(length)[None, :, None]
        counts = rows < self.per_series(high)[:, None, :]
        return values[np.clip(rows, 0, max(0, len(values) - 1)), place], counts


def _is_order(indexes: Indexes) -> bool:
    return len(indexes) == 0 or (
        indexes[0] == 0 and indexes[-1] == len(indexes) - 1 and bool((np.diff(indexes) == 1).all())
    )


def extrapolated(windows: Windows, counter: bool, per_second: bool) -> tuple[Floats, Bools]:
    """Return rate, increase or delta, see `ranges.extrapolated`."""
    low, high = windows.low, windows.high
    first = windows.at(low)
    change = windows.at(high - 1) - first
    if counter:
        change = change + _drops(windows)
    begin, finish = windows.seconds(low), windows.seconds(high - 1)
    count = high - low
    start, end = windows.start[:, None], windows.end[:, None]
    sampled = finish - begin
    to_start, to_end = begin - start, end - finish
    between = sampled / np.maximum(count - 1, 1)
    limit = between * 1.1
    to_start = windows.per_series(np.where(to_start >= limit, between / 2, to_start))
    to_end = windows.per_series(np.where(to_end >= limit, between / 2, to_end))
    good, sampled = windows.per_series((count >= 2) & (sampled > 0)), windows.per_series(sampled)
    if counter:
        capped = np.minimum(to_start, sampled * (first / change))
        to_start = np.where((change > 0) & (first >= 0), capped, to_start)
    factor = (sampled + to_start + to_end) / sampled
    extrapolated_change: Floats = change * factor
    return (extrapolated_change / (end - start) if per_second else extrapolated_change), good


def _drops(windows: Windows) -> Floats | float:
    """Return what counters lost in resets inside their windows."""
    values, place = windows.dense.values, windows.dense.place
    if len(values) < 2:
        return 0.0
    falls: Any = values[1:] < values[:-1]
    fallen = falls.any(axis=0)[place]
    if not fallen.any():
        return 0.0
    columns = np.flatnonzero(fallen)
    lost = np.where(falls, values[:-1], 0.0)[:, place[columns]]
    results = np.zeros((len(windows.low), len(place)))
    rows = np.arange(len(lost))[:, None]
    member = windows.dense.member[columns]
    for step in range(len(results)):
        inside = (rows >= windows.low[step, member]) & (rows < windows.high[step, member] - 1)
        results[step, columns] = np.where(inside, lost, 0.0).sum(axis=0)
    return results


def instant_change(windows: Windows, per_second: bool) -> tuple[Floats, Bools]:
    """Return irate or idelta, see `ranges.instant_change`."""
    high = windows.high
    before, after = windows.at(high - 2), windows.at(high - 1)
    apart = windows.seconds(high - 1) - windows.seconds(high - 2)
    good = windows.per_series((high - windows.low >= 2) & (apart > 0))
    if not per_second:
        return after - before, good
    return np.where(after < before, after, after - before) / windows.per_series(apart), good


def _sum(values: Floats, counts: Bools) -> Floats:
    counted = np.where(counts, values, 0.0)
    sums, size = counted.sum(axis=1), np.abs(counted).sum(axis=1)
    return exactly(sums, size, lambda k, s: numbers.total(values[k, counts[k, :, s], s].tolist()))


def _mean(values: Floats, counts: Bools) -> Floats:
    counted, sizes = np.where(counts, values, 0.0), np.maximum(counts.sum(axis=1), 1)
    sums, size = counted.sum(axis=1), np.abs(counted).sum(axis=1)
    wrong = suspicious(sums, size)
    means: Floats = sums / sizes
    for k, s in np.argwhere(wrong & counts.any(axis=1)).tolist():
        means[k, s] = numbers.mean(values[k, counts[k, :, s], s].tolist())
    return means


def suspicious(sums: Floats, sizes: Floats) -> Bools:
    """Tell where a sum of floats may be far from what an exact one would be: it cancels out, or
    overflows.
    """
    with np.errstate(invalid="ignore"):
        is_inexact: Bools = (np.abs(sums) < CANCELLED * sizes) | np.isinf(sizes)
    return is_inexact


def exactly(sums: Floats, sizes: Floats, again: Callable[[int, int], float]) -> Floats:
    """Return `sums` with those made again that are suspicious."""
    for k, s in np.argwhere(suspicious(sums, sizes)).tolist():
        sums[k, s] = again(k, s)
    return sums


def _least(values: Floats, counts: Bools) -> Floats:
    minima: Floats = np.fmin.reduce(np.where(counts, values, np.nan), axis=1)
    return minima


def _greatest(values: Floats, counts: Bools) -> Floats:
    maxima: Floats = np.fmax.reduce(np.where(counts, values, np.nan), axis=1)
    return maxima


def _changes(values: Floats, counts: Bools) -> Floats:
    a, b = values[:, :-1], values[:, 1:]
    change_counts: Floats = (counts[:, 1:] & (a != b) & ~(np.isnan(a) & np.isnan(b))).sum(axis=1).astype(float)
    return change_counts


def _resets(values: Floats, counts: Bools) -> Floats:
    reset_counts: Floats = (counts[:, 1:] & (values[:, 1:] < values[:, :-1])).sum(axis=1).astype(float)
    return reset_counts


def _reducing(function: Callable[[Floats, Bools], Floats]) -> Callable[[Windows], tuple[Floats, Bools]]:
    return lambda windows: (windows.reduced(function), windows.counts > 0)


FUNCTIONS: dict[str, Callable[[Windows], tuple[Floats, Bools]]] = {
    "rate": lambda w: extrapolated(w, counter=True, per_second=True),
    "increase": lambda w: extrapolated(w, counter=True, per_second=False),
    "delta": lambda w: extrapolated(w, counter=False, per_second=False),
    "irate": lambda w: instant_change(w, per_second=True),
    "idelta": lambda w: instant_change(w, per_second=False),
    "count_over_time": lambda w: (w.counts.astype(float), w.counts > 0),
    "last_over_time": lambda w: (w.at(w.high - 1), w.counts > 0),
    "first_over_time": lambda w: (w.at(w.low), w.counts > 0),
    "present_over_time": lambda w: (np.ones(w.counts.shape), w.counts > 0),
    "sum_over_time": _reducing(_sum),
    "avg_over_time": _reducing(_mean),
    "min_over_time": _reducing(_least),
    "max_over_time": _reducing(_greatest),
    "changes": _reducing(_changes),
    "resets": _reducing(_resets),
}
"""Functions that do not depend on single windows."""
