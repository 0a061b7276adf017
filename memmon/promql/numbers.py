"""Sums that are rounded once, and numbers as Prometheus writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

_HEADROOM = 2.0**40


def total(values: Sequence[float]) -> float:
    """Return the sum of `values`, exact before the one rounding at its end."""
    try:
        return math.fsum(values)
    except OverflowError:  # On the way; what comes after may bring it back.
        return _finite_sum([value / _HEADROOM for value in values]) * _HEADROOM
    except ValueError:  # Infinities of both signs.
        return math.nan


def mean(values: Sequence[float]) -> float:
    """Return the mean of `values`, of which there is at least one."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return _finite_sum([value / len(values) for value in values])
    except ValueError:
        return math.nan


def _finite_sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except ValueError:
        return math.nan


def variance(values: Sequence[float]) -> float:
    """Return the population variance; exactly 0 for equal values."""
    if not math.isfinite(total(values)):
        return math.nan
    moved = [value - values[0] for value in values]
    middle = mean(moved)
    return total([(value - middle) * (value - middle) for value in moved]) / len(values)


def line(times: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return slope and value at time 0 of the least-squares line. Source: prometheus/prometheus
    `linearRegression`.
    """
    if all(value == values[0] for value in values):
        return (math.nan, math.nan) if math.isinf(values[0]) else (0.0, values[0])
    count = len(values)
    x, y = total(times), total(values)
    xy = total([a * b for a, b in zip(times, values, strict=True)])
    xx = total([a * a for a in times])
    spread = xx - x * x / count
    slope = (xy - x * y / count) / spread if spread else math.nan
    return slope, y / count - slope * x / count


def plain(value: float) -> str:
    """Return `value` without an exponent, as short as it reads back the same: Go's `'f', -1`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def short(value: float) -> str:
    """Return `value` as Prometheus' JSON has it: with an exponent below 1e-6 and from 1e21 on."""
    if value and math.isfinite(value) and not 1e-6 <= abs(value) < 1e21:
        return repr(value).replace(".0e", "e")
    return plain(value)


def general(value: float, digits: int | None = None) -> str:
    """Return `value` as Go's `%g` has it: as short as it reads back the same, or as `%.<digits>g`
    has it.

    Source: strconv's `ftoa.go`: an exponent below -4 and from the precision on, 6 for the shortest
    form.
    """
    if not math.isfinite(value):
        return plain(value)
    text = repr(value) if digits is None else f"{value:.{digits}g}"
    mantissa, _, exponent = f"{Decimal(text):e}".partition("e")
    power = int(exponent)
    if not -4 <= power < (6 if digits is None else digits):
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{power:+03d}"
    return plain(float(text))
