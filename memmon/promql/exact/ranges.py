"""Functions over the samples of one series in a range. Times are seconds, ranges are left-open as
in Prometheus 3.

Source of the extrapolation: prometheus/prometheus `promql/functions.go`, `extrapolatedRate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from memmon.promql import numbers
from memmon.promql.arrays import Floats


class Window(NamedTuple):
    """The samples of one series in (start, end]; staleness markers are left out."""

    times: Floats
    values: Floats
    start: float
    end: float


def extrapolated(window: Window, counter: bool, per_second: bool) -> float | None:
    """Return rate, increase or delta, stretched to the ends of the window as Prometheus does; None
    below two samples.
    """
    times, values, start, end = window
    if len(values) < 2:
        return None
    change = float(values[-1] - values[0])
    if counter:
        drops = values[1:] < values[:-1]
        change += float(values[:-1][drops].sum())
    sampled = float(times[-1] - times[0])
    if sampled <= 0:
        return None
    to_start, to_end = float(times[0]) - start, end - float(times[-1])
    between = sampled / (len(values) - 1)
    limit = between * 1.1
    if to_start >= limit:
        to_start = between / 2
    if counter and change > 0 and values[0] >= 0:
        to_start = min(to_start, sampled * (float(values[0]) / change))
    if to_end >= limit:
        to_end = between / 2
    factor = (sampled + to_start + to_end) / sampled
    return change * factor / (end - start if per_second else 1)


def instant_change(window: Window, per_second: bool) -> float | None:
    """Return irate (a counter per second) or idelta (any value) of the last two samples."""
    times, values = window.times, window.values
    if len(values) < 2 or times[-1] <= times[-2]:
        return None
    before, after = float(values[-2]), float(values[-1])
    if not per_second:
        return after - before
    return (after if after < before else after - before) / float(times[-1] - times[-2])


def deriv(window: Window) -> float | None:
    """Return the slope of the least-squares line, per second."""
    fitted = _line(window, float(window.times[0]))
    return fitted[0] if fitted else None


def predicted(window: Window, at: float, ahead: float) -> float | None:
    """Return the value of the least-squares line `ahead` seconds after `at`."""
    fitted = _line(window, at)
    return fitted[0] * ahead + fitted[1] if fitted else None


def _line(window: Window, zero: float) -> tuple[float, float] | None:
    if len(window.values) < 2:
        return None
    return numbers.line((window.times - zero).tolist(), window.values.tolist())


def quantile(q: float, values: Floats) -> float:
    """Return the q-quantile with linear interpolation; NaN is the least value. Beyond 0 to 1 it is
    infinite, of nothing NaN.
    """
    if not len(values) or math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    ordered = np.roll(np.sort(values), int(np.isnan(values).sum()))
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low))


def changes(window: Window) -> float:
    """Return how often the value changed; NaN after NaN is no change."""
    a, b = window.values[:-1], window.values[1:]
    return float(((a != b) & ~(np.isnan(a) & np.isnan(b))).sum())


def resets(window: Window) -> float:
    """Return how often the value fell."""
    return float((window.values[1:] < window.values[:-1]).sum())


FUNCTIONS: dict[str, Callable[[Window], float | None]] = {
    "rate": lambda w: extrapolated(w, counter=True, per_second=True),
    "increase": lambda w: extrapolated(w, counter=True, per_second=False),
    "delta": lambda w: extrapolated(w, counter=False, per_second=False),
    "irate": lambda w: instant_change(w, per_second=True),
    "idelta": lambda w: instant_change(w, per_second=False),
    "deriv": deriv,
    "changes": changes,
    "resets": resets,
    "avg_over_time": lambda w: numbers.mean(w.values.tolist()),
    "sum_over_time": lambda w: numbers.total(w.values.tolist()),
    "count_over_time": lambda w: float(len(w.values)),
    "min_over_time": lambda w: float(np.fmin.reduce(w.values)),
    "max_over_time": lambda w: float(np.fmax.reduce(w.values)),
    "first_over_time": lambda w: float(w.values[0]),
    "last_over_time": lambda w: float(w.values[-1]),
    "present_over_time": lambda w: 1.0,
    "stddev_over_time": lambda w: math.sqrt(numbers.variance(w.values.tolist())),
    "stdvar_over_time": lambda w: numbers.variance(w.values.tolist()),
}
"""One function of a range vector each; None leaves the series out."""

KEEPS_NAME = {"first_over_time", "last_over_time"}
