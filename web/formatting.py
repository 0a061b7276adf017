"""Pure: numbers, times and names as the page words them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from memmon import encode

BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
UNIT_PATTERNS = (
    (r"_percent\b", "percent"),
    (r"_seconds(_bucket|_sum)?\b", "seconds"),
    (r"_bytes\b", "bytes"),
    (r"hit_rate\b", "ratio"),
    (r"health_score\b", "score"),
)
"""How a name's end tells its unit; the first that is found in an expression counts."""


def infer_unit(expr: str) -> str:
    """Return the unit of what `expr` gives: percent, seconds, bytes, ratio, score or number."""
    return next((unit for pattern, unit in UNIT_PATTERNS if re.search(pattern, expr)), "number")


def format_number(value: float | None, unit: str = "number") -> str:
    """Return `value` with its unit and at most three significant digits; a dash for None."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "percent":
        return f"{_digits(value)} %"
    if unit == "ratio":
        return f"{_digits(value * 100)} %"
    if unit == "score":
        return f"{value:.2f}"
    if unit == "seconds":
        return _seconds(value)
    if unit == "bytes":
        return _bytes(value)
    return _digits(value) + (" /s" if unit == "rate" else "")


def _digits(value: float) -> str:
    size = abs(value)
    if size >= 10_000:
        return f"{value:,.0f}".replace(",", " ")
    if size >= 100 or value == round(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _seconds(value: float) -> str:
    size = abs(value)
    if size >= 100:
        return format_duration(value)
    if size >= 1 or size == 0:
        return f"{value:.2f} s" if size else "0 s"
    return f"{_digits(value * 1000)} ms" if size >= 0.001 else f"{_digits(value * 1e6)} µs"


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1024 and power < len(BYTE_UNITS) - 1:
        value, power = value / 1024, power + 1
    return f"{_digits(value)} {BYTE_UNITS[power]}"


def format_duration(seconds: float | None) -> str:
    """Return a length of time in its one or two largest units: `42 s`, `21 min`, `3 h 10 min`, `2 d
    4 h`.
    """
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 >= 60 else "")
    return f"{whole // 86400} d" + (f" {whole % 86400 // 3600} h" if whole % 86400 >= 3600 else "")


def format_minutes(value: float | None) -> str:
    """Return a number of minutes as a length of time."""
    return format_duration(None if value is None else value * 60)


def format_countdown(iso: str | None, now: float) -> str:
    """Return how long it is until then, as a clock that runs down: `03:42`, `1:03:42`; `now` once
    it is over.
    """
    if not iso:
        return "–"
    whole = math.ceil(encode.seconds_of(iso) - now)
    if whole <= 0:
        return "now"
    hours, remainder = divmod(whole, 3600)
    return (
        f"{hours}:{remainder // 60:02d}:{remainder % 60:02d}"
        if hours
        else f"{remainder // 60:02d}:{remainder % 60:02d}"
    )


def format_age(iso: str | None, now: float) -> str:
    """Return how long ago that was."""
    return format_duration(now - encode.seconds_of(iso)) if iso else "–"


def format_utc(iso: str | None, date_format: str = "%Y-%m-%d %H:%M:%S UTC") -> str:
    """Return an ISO 8601 time in UTC in the given format."""
    return datetime.fromtimestamp(encode.seconds_of(iso), UTC).strftime(date_format) if iso else "–"


def humanize(name: str) -> str:
    """Return a name such as `system_resources` in words."""
    return name.replace("_", " ")


def runbook_link(url: Any) -> str | None:
    """Return where the page links for a runbook's address: `docs/runbook.md#x` is served as
    /runbook#x, the web as it is, and nothing that a browser would run.
    """
    text = str(url or "")
    if text.startswith("docs/runbook.md"):
        return "/runbook" + text.removeprefix("docs/runbook.md")
    try:
        address = urlsplit(text)
    except ValueError:
        return None
    return text if address.scheme in ("http", "https") and address.netloc else None


def format_value(value: Any) -> str:
    """Return a parameter's value in words."""
    if isinstance(value, list | tuple):
        return ", ".join(format_value(item) for item in value)
    return (
        ", ".join(f"{name} {format_value(item)}" for name, item in value.items())
        if isinstance(value, dict)
        else str(value)
    )


FILTERS = {
    "value_text": format_value,
    "number": format_number,
    "span": format_duration,
    "minutes": format_minutes,
    "left": format_countdown,
    "since": format_age,
    "utc": format_utc,
    "plain": humanize,
    "howto": runbook_link,
    "iso": encode.iso,
}
