"""Functions of numbers and instant vectors that look at nothing but their arguments."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np


def _round(value: float, to: float = 1.0) -> float:
    if to == 0 or not math.isfinite(to):
        return math.nan
    inverse = 1.0 / to
    return math.floor(value * inverse + 0.5) / inverse if math.isfinite(value * inverse) else value


def _at_least(value: float, low: float) -> float:
    return math.nan if math.isnan(value) or math.isnan(low) else max(value, low)


def _at_most(value: float, high: float) -> float:
    return math.nan if math.isnan(value) or math.isnan(high) else min(value, high)


def clamp(value: float, low: float, high: float) -> float:
    """Return `value` brought between `low` and `high`."""
    return _at_least(_at_most(value, high), low)


def _numpy(function: Callable[[np.float64], np.float64]) -> Callable[[float], float]:
    def call(value: float) -> float:
        with np.errstate(all="ignore"):
            return float(function(np.float64(value)))

    return call


def _date(pick: Callable[[datetime], float]) -> Callable[[float], float]:
    def of(value: float) -> float:
        try:
            return float(pick(datetime.fromtimestamp(math.floor(value), UTC)))
        except (ValueError, OverflowError, OSError):
            return math.nan  # No calendar has this moment.

    return of


BY_VALUE: dict[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": _numpy(np.ceil),
    "floor": _numpy(np.floor),
    "exp": _numpy(np.exp),
    "ln": _numpy(np.log),
    "log2": _numpy(np.log2),
    "log10": _numpy(np.log10),
    "sqrt": _numpy(np.sqrt),
    "sgn": _numpy(np.sign),
    "round": _round,
    "clamp_min": _at_least,
    "clamp_max": _at_most,
    "sin": _numpy(np.sin),
    "cos": _numpy(np.cos),
    "tan": _numpy(np.tan),
    "asin": _numpy(np.arcsin),
    "acos": _numpy(np.arccos),
    "atan": _numpy(np.arctan),
    "sinh": _numpy(np.sinh),
    "cosh": _numpy(np.cosh),
    "tanh": _numpy(np.tanh),
    "asinh": _numpy(np.arcsinh),
    "acosh": _numpy(np.arccosh),
    "atanh": _numpy(np.arctanh),
    "deg": math.degrees,
    "rad": math.radians,
}
"""A vector and numbers in, the vector of changed values without names out."""

BY_TIME: dict[str, Callable[[float], float]] = {
    "minute": _date(lambda moment: moment.minute),
    "hour": _date(lambda moment: moment.hour),
    "day_of_week": _date(lambda moment: (moment.weekday() + 1) % 7),
    "day_of_month": _date(lambda moment: moment.day),
    "day_of_year": _date(lambda moment: moment.timetuple().tm_yday),
    "days_in_month": _date(lambda moment: calendar.monthrange(moment.year, moment.month)[1]),
    "month": _date(lambda moment: moment.month),
    "year": _date(lambda moment: moment.year),
}
"""Of a vector of Unix times, or of the evaluation's time when none is given."""
