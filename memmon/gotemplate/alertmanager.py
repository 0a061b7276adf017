"""Pure: the functions of Alertmanager's templates. Source: its documentation, "Notification
template reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from memmon.gotemplate.common import COMMON, text
from memmon.gotemplate.functions import Misused
from memmon.gotemplate.strings import show
from memmon.gotemplate.values import Record

_LAYOUT = re.compile(
    r"2006|January|Jan|Monday|Mon|MST|Z07:00|-07:00|Z0700|-0700|-07|01|02|03|04|05|06|15|PM|pm|_2|[.,]0+|[.,]9+|1|2|3|4|5"
)


def date(layout: Any, moment: Any) -> str:
    """Return a time as Go's layout says, which writes the time of reference, Mon Jan 2 15:04:05 MST
    2006.
    """
    at = _time(moment)

    def part(directive: re.Match[str]) -> str:
        word = directive.group()
        if word[0] in ".,":
            digits = f"{at.microsecond:06d}000000000"[: len(word) - 1]
            fraction = digits.rstrip("0") if word[1] == "9" else digits
            return word[0] + fraction if fraction else ""
        return _part(word, at)

    return _LAYOUT.sub(part, text(layout))


def _part(word: str, at: datetime) -> str:
    offset = at.strftime("%z") or "+0000"
    hour = at.hour % 12 or 12
    plain = {
        "2006": f"{at.year:04d}",
        "06": f"{at.year % 100:02d}",
        "January": at.strftime("%B"),
        "Jan": at.strftime("%b"),
        "Monday": at.strftime("%A"),
        "Mon": at.strftime("%a"),
        "MST": at.tzname() or "UTC",
        "Z07:00": "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}",
        "-07:00": f"{offset[:3]}:{offset[3:5]}",
        "Z0700": "Z" if offset == "+0000" else offset[:5],
        "-0700": offset[:5],
        "-07": offset[:3],
        "01": f"{at.month:02d}",
        "1": str(at.month),
        "02": f"{at.day:02d}",
        "_2": f"{at.day:2d}",
        "2": str(at.day),
        "15": f"{at.hour:02d}",
        "03": f"{hour:02d}",
        "3": str(hour),
        "04": f"{at.minute:02d}",
        "4": str(at.minute),
        "05": f"{at.second:02d}",
        "5": str(at.second),
        "PM": "PM" if at.hour >= 12 else "AM",
        "pm": "pm" if at.hour >= 12 else "am",
    }
    return plain[word]


def _time(moment: Any) -> datetime:
    if not isinstance(moment, datetime):
        raise Misused(f"wants a time, not {show(moment)}")
    return moment


def zone(name: Any, moment: Any) -> datetime:
    """Return a time in another zone."""
    try:
        return _time(moment).astimezone(ZoneInfo(text(name)))
    except (KeyError, OSError):
        raise Misused(f"{name!r} is no time zone") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return {name: _plain(item) for name, item in value.fields.items()}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.total_seconds() * 1e9 if isinstance(value, timedelta) else value


def functions(now: float) -> dict[str, Callable[..., Any]]:
    """Return all functions; `since` counts to `now` (Unix seconds)."""
    at = datetime.fromtimestamp(now, UTC)
    return {**ALERTMANAGER, "since": lambda moment: at - _time(moment)}


ALERTMANAGER: dict[str, Callable[..., Any]] = {
    **COMMON,
    "trimSpace": lambda value: text(value).strip(),
    "join": lambda separator, items: text(separator).join(text(item) for item in items),
    "stringSlice": lambda *items: list(items),
    "date": date,
    "tz": zone,
    "since": lambda moment: timedelta(),
    "toJson": lambda value: json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")),
}
