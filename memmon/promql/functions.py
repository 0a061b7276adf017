"""Functions of numbers and instant vectors that look at nothing but their arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np


def _round(value: float, to: float = 1.0) -> float:
    inverse = 1.0 / to
    return math.floor(value * inverse + 0.5) / inverse if math.isfinite(value) else value


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value)) if not math.isnan(value) else value


def _numpy(function: Callable[[np.float64], np.float64]) -> Callable[[float], float]:
    def call(value: float) -> float:
        with np.errstate(all="ignore"):
            return float(function(np.float64(value)))

    return call


def _date(pick: Callable[[datetime], float]) -> Callable[[float], float]:
    return lambda value: float(pick(datetime.fromtimestamp(value, UTC)))


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
    "clamp": _clamp,
    "clamp_min": lambda value, low: max(low, value) if not math.isnan(value) else value,
    "clamp_max": lambda value, high: min(high, value) if not math.isnan(value) else value,
}
"""A vector and numbers in, the vector of changed values without names out."""

BY_TIME: dict[str, Callable[[float], float]] = {
    "minute": _date(lambda moment: moment.minute),
    "hour": _date(lambda moment: moment.hour),
    "day_of_week": _date(lambda moment: (moment.weekday() + 1) % 7),
    "day_of_month": _date(lambda moment: moment.day),
    "day_of_year": _date(lambda moment: moment.timetuple().tm_yday),
    "month": _date(lambda moment: moment.month),
    "year": _date(lambda moment: moment.year),
}
"""Of a vector of Unix times, or of the evaluation's time when none is given."""
