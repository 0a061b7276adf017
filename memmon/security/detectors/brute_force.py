"""Brute force: too many failed logins of one address within the window."""

from __future__ import annotations

from collections.abc import Sequence


def is_attack(failures: Sequence[float], now: float, threshold: int, window: float) -> bool:
    """Tell whether at least `threshold` of the times `failures` (Unix seconds) lie within the last
    `window` seconds.
    """
    return sum(now - window < at <= now + window for at in failures) >= threshold
