"""Pure: the functions of Prometheus' templates. Source: its documentation, "Template reference"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

from memmon import duration
from memmon.gotemplate.common import COMMON, fixed, small, text, to_float
from memmon.gotemplate.functions import Misused
from memmon.gotemplate.values import Record


def humanize(quantity: Any) -> str:
    """Return a number with the prefix of its power of thousand."""
    value = to_float(quantity)
    if value == 0 or not math.isfinite(value):
        return fixed(value)
    return small(value) if abs(value) < 1 else _prefixed(value, 1000, ("k", "M", "G", "T", "P", "E", "Z", "Y"))


def humanize1024(quantity: Any) -> str:
    """Return a number with the prefix of its power of 1024."""
    value = to_float(quantity)
    if abs(value) <= 1 or not math.isfinite(value):
        return fixed(value)
    return _prefixed(value, 1024, ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"))


def _prefixed(value: float, base: int, prefixes: Sequence[str]) -> str:
    prefix = ""
    for next_prefix in prefixes:
        if abs(value) < base:
            break
        value, prefix = value / base, next_prefix
    return f"{fixed(value)}{prefix}"


def to_time(timestamp: Any) -> datetime | None:
    """Return the time of a number of seconds."""
    value = to_float(timestamp)
    if not math.isfinite(value):
        return None
    try:
        return datetime.fromtimestamp(round(value * 1000) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise Misused(f"{value} is no time") from None


def humanize_timestamp(timestamp: Any) -> str:
    """Return the time of a number of seconds, as text."""
    from_number = to_time(timestamp)
    if from_number is None:
        return fixed(to_float(timestamp))
    fraction = f".{from_number.microsecond:06d}".rstrip("0") if from_number.microsecond else ""
    return f"{from_number:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def first(rows: Any) -> Any:
    """Return the first row of a query's result."""
    if not isinstance(rows, Sequence) or not rows:
        raise Misused("first() called on vector with no elements")
    return rows[0]


def _of(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Record):
        raise Misused("wants a row of a query's result")
    return row.fields


def sort_by_label(name: Any, rows: Any) -> list[Any]:
    """Return rows in the order of a label."""
    return sorted(rows, key=lambda row: str(_of(row)["Labels"].get(text(name), "")))


def strip_port(address: Any) -> str:
    """Return a host without its port."""
    host = text(address)
    if host.count(":") == 1 or host.startswith("["):
        return urlsplit(f"//{host}").hostname or host
    return host


def strip_domain(address: Any) -> str:
    """Return a host without its domain; an address stays as it is."""
    host = text(address)
    name, colon, port = host.partition(":") if host.count(":") <= 1 else (host, "", "")
    if name.replace(".", "").isdigit() or ":" in name:
        return host
    return name.partition(".")[0] + colon + port


def _link(tab: int) -> Callable[[Any], str]:
    return lambda expr: f"/graph?g0.expr={quote_plus(text(expr))}&g0.tab={tab}"


PROMETHEUS: dict[str, Callable[..., Any]] = {
    **COMMON,
    "humanize": humanize,
    "humanize1024": humanize1024,
    "humanizePercentage": lambda ratio: f"{fixed(to_float(ratio) * 100)}%",
    "humanizeTimestamp": humanize_timestamp,
    "toTime": to_time,
    "parseDuration": lambda value: duration.parse(text(value)),
    "first": first,
    "value": lambda row: _of(row)["Value"],
    "label": lambda name, row: str(_of(row)["Labels"].get(text(name), "")),
    "strvalue": lambda row: str(_of(row)["Labels"].get("__value__", "")),
    "sortByLabel": sort_by_label,
    "args": lambda *values: {f"arg{n}": value for n, value in enumerate(values)},
    "stripPort": strip_port,
    "stripDomain": strip_domain,
    "graphLink": _link(0),
    "tableLink": _link(1),
}
"""All but `query`, `externalURL` and `pathPrefix`, which the caller has."""
