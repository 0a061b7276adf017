"""Functions of numbers and instant vectors that look at nothing but their arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


def _round(value: float, to: float = 1.0) -> float:
    with np.errstate(all="ignore"):
        # As Prometheus does, since it rounds better than a division.
        inverse = np.float64(1.0) / np.float64(to)
        return float(np.floor(np.float64(value) * inverse + 0.5) / inverse)


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


class Date(NamedTuple):
    """A moment of the Gregorian calendar, in UTC."""

    year: int
    month: int
    day: int
    days: int  # Since 1970.
    seconds: int  # Of the day.


def _date(pick: Callable[[Date], float]) -> Callable[[float], float]:
    def of(value: float) -> float:
        # What no clock in nanoseconds could hold as seconds has no date.
        return float(pick(date_of(int(value)))) if abs(value) < 2.0**62 else math.nan

    return of


def date_of(seconds: int) -> Date:
    """Return the date of a Unix time, however far it is: `datetime` ends with the year 9999.

    Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    """
    days, remainder = divmod(seconds, 86_400)
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    civil_month = month + 3 if month < 10 else month - 9
    return Date(
        year + era * 400 + (civil_month <= 2), civil_month, of_year - (153 * month + 2) // 5 + 1, days, remainder
    )


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_in_month(date: Date) -> int:
    return 29 if date.month == 2 and _is_leap(date.year) else _MONTHS[date.month - 1]


def _day_of_year(date: Date) -> int:
    return sum(_MONTHS[: date.month - 1]) + (date.month > 2 and _is_leap(date.year)) + date.day


_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

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
    "minute": _date(lambda date: date.seconds // 60 % 60),
    "hour": _date(lambda date: date.seconds // 3600),
    "day_of_week": _date(lambda date: (date.days + 4) % 7),
    "day_of_month": _date(lambda date: date.day),
    "day_of_year": _date(_day_of_year),
    "days_in_month": _date(_days_in_month),
    "month": _date(lambda date: date.month),
    "year": _date(lambda date: date.year),
}
"""Of a vector of Unix times, or of the evaluation's time when none is given."""
