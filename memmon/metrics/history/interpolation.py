"""Pure: rollups as the samples that a function over them would have seen, as nearly as they can say
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon.promql.exact.engine import LOOKBACK_MS
from memmon.promql.selection import Hint

Floats = NDArray[np.float64]

COUNTERS = ("rate", "increase", "irate")
SUMMED = ("sum_over_time", "avg_over_time", "count_over_time")
CLOSEST = 15.0
"""Seconds between two samples of a rollup, at least."""


class Stretches(NamedTuple):
    """The rollups of one series in order of time: where each begins and how long it is (seconds),
    and its columns by name.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    columns: Mapping[str, Floats]


def needed(hint: Hint) -> tuple[str, ...]:
    """Return the columns that the function of `hint` is answered out of."""
    if hint.function in COUNTERS:
        return ("count", "last", "increase")
    column = {"min_over_time": "min", "max_over_time": "max"}.get(hint.function)
    if hint.function in SUMMED:
        column = "sum"
    return ("count", column or "last")


def spread(stretches: Stretches, hint: Hint, most: int) -> tuple[NDArray[np.int64], Floats]:
    """Return times (Unix ms) and values of some samples, evenly over each stretch and the last of
    them at its end.

    A counter is reconstructed from its increases, which include resets, backwards from its last
    value. Other aggregates are constant over the stretch: minimum, maximum, mean; a sum is divided
    among its samples. Where the number of samples matters it is the original one, up to `most`; a
    range always has two.
    """
    starts, lengths, columns = stretches
    counts = columns["count"].astype(np.intp)
    if hint.function not in (*COUNTERS, *SUMMED) or counts.sum() > most:
        # So near that a range has two, and that a selector finds one within its lookback.
        gap = max(CLOSEST, (hint.span or LOOKBACK_MS) / 2000)
        counts = np.maximum(1, np.ceil(lengths / gap)).astype(np.intp)
    of = np.repeat(np.arange(len(starts)), counts)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    part = nth / counts[of]
    times = np.round((starts[of] + part * lengths[of]) * 1000).astype(np.int64) - 1
    return times, _values(columns, hint, of, part, counts)


def rising(values: Floats) -> Floats:
    """Return a counter, of which older values may be negative, as if it had never been reset and
    had begun long ago: rates are those of the counter.
    """
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        return values
    real = values[there]
    steps = np.diff(real)
    risen = np.concatenate((real[:1], np.where(steps < 0, real[1:], steps))).cumsum()
    result = values.copy()
    # No rate then takes it for one that has just begun at 0.
    result[there] = risen - risen[0] + 2 * (risen[-1] - risen[0])
    return result


def _values(
    columns: Mapping[str, Floats], hint: Hint, of: NDArray[np.intp], part: Floats, counts: NDArray[np.intp]
) -> Floats:
    if hint.function in COUNTERS:
        increase = columns["increase"]
        ends = columns["last"][-1] - (increase.sum() - np.cumsum(increase))
        risen: Floats = (ends - increase)[of] + part * increase[of]
        return risen
    if hint.function == "sum_over_time":
        return (columns["sum"] / counts)[of]
    if hint.function in SUMMED:
        return (columns["sum"] / columns["count"])[of]
    return columns[needed(hint)[-1]][of]
