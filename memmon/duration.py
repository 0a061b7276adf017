"""Prometheus durations: `1h30m`, `250ms`, `2w`."""

from __future__ import annotations

import re

from memmon.errors import BadInput

_UNITS = {"y": 31536000.0, "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PATTERN = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")


def parse(text: str, field: str = "duration") -> float:
    """Return the seconds that `text` means; raise BadInput naming `field` when it is no duration.

    Source: prometheus/common `model/time.go`, `ParseDuration`: units in falling order, each once.
    """
    if text == "0":
        return 0.0
    match = _PATTERN.fullmatch(text)
    if not text or not match:
        raise BadInput(field, f"{text!r} is not a duration like 30s, 5m or 1h30m")
    return sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS.values(), strict=True) if count)


def show(seconds: float) -> str:
    """Return `seconds` in Prometheus' notation, exact to the millisecond."""
    left = round(seconds * 1000)
    if left == 0:
        return "0s"
    texts = []
    for name, unit in _UNITS.items():
        if name in ("y", "w") and left % round(unit * 1000):
            continue  # Prometheus writes years and weeks only when nothing is left over.
        count, left = divmod(left, round(unit * 1000))
        if count:
            texts.append(f"{count}{name}")
    return "".join(texts)


def about(seconds: float) -> str:
    """Return `seconds` as people say it: to the millisecond below ten seconds, to the second below
    an hour, to the minute above.
    """
    step = 0.001 if seconds < 10 else 1 if seconds < 3600 else 60
    return show(round(seconds / step) * step)
