"""Pure: when a maintenance window comes. Local times are those of the window's zone, so that 02:00
stays 02:00 over the year.

A schedule is `once`, `weekly` (days and a time), `cron` (five fields, crontab(5)) or `rrule` (RFC
5545), each with a duration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dateutil import rrule

from memmon.config.intervals import WEEKDAYS, minute_of
from memmon.errors import BadInput

KINDS = ("once", "weekly", "cron", "rrule")
LONGEST = 31 * 86400.0
"""No window is longer than a month: it would be a silence for ever."""
HORIZON = timedelta(days=20 * 365)
"""How long after its start a schedule without an end is followed."""
_OFTEN = {"SECONDLY", "MINUTELY", "HOURLY"}
_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_CRON_NAMES = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_DAY = (rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA)


class Occurrence(NamedTuple):
    """One coming of a window, [start, end) in Unix seconds."""

    start: float
    end: float


class WindowSchedule(NamedTuple):
    """When a window comes: from `start` (Unix seconds) on, and not after `until`. `rule` is what
    its kind wants, as text.
    """

    kind: str
    rule: str
    start: float
    duration: float
    timezone: str = "UTC"
    until: float | None = None


def schedule(document: Mapping[str, Any], now: float) -> WindowSchedule:
    """Return the schedule in `document`; raise BadInput with the name of the wrong field.

    Keys: kind, start (Unix seconds, now where it is missing), duration (seconds), timezone, until,
    and by kind: `days` (names of weekdays) and `time` (HH:MM), `cron` or `rrule`.
    """
    kind = document.get("kind", "once")
    if kind not in KINDS:
        raise BadInput("kind", f"must be one of {', '.join(KINDS)}")
    duration, start, until = (_number(document, name) for name in ("duration", "start", "until"))
    if duration is None or not 0 < duration <= LONGEST:
        raise BadInput("duration", "must be more than nothing and at most 31 days")
    schedule_ = WindowSchedule(
        kind, _rule(kind, document), now if start is None else start, duration, _zone(document), until
    )
    if until is not None and until <= schedule_.start:
        raise BadInput("until", "must be after the start")
    if kind != "once":
        _compiled(schedule_)
    return schedule_


def _number(document: Mapping[str, Any], name: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253402300799:
        raise BadInput(name, "must be a number of seconds")
    return float(value)


def _zone(document: Mapping[str, Any]) -> str:
    zone = document.get("timezone") or "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError):
        raise BadInput("timezone", f"{zone!r} is not a time zone like Europe/Berlin") from None
    return str(zone)


def _rule(kind: str, document: Mapping[str, Any]) -> str:
    if kind == "once":
        return ""
    if kind == "weekly":
        days = document.get("days")
        if not isinstance(days, list | tuple) or not days or not all(day in WEEKDAYS for day in days):
            raise BadInput("days", f"must be a list of {', '.join(WEEKDAYS)}")
        try:
            minute = minute_of(document.get("time", "00:00")) % 1440
        except ValueError as error:
            raise BadInput("time", str(error)) from None
        numbers = ",".join(str(WEEKDAYS.index(day)) for day in days)
        return f"{minute % 60} {minute // 60} * * {numbers}"
    text = document.get(kind)
    if not isinstance(text, str) or not 0 < len(text) <= 500:
        raise BadInput(kind, "must be text of at most 500 characters")
    return text.strip()


@lru_cache(maxsize=256)
def _compiled(schedule_: WindowSchedule) -> rrule.rruleset:
    """Return the starts in local time without a zone."""
    begin = datetime.fromtimestamp(schedule_.start, UTC).astimezone(ZoneInfo(schedule_.timezone)).replace(tzinfo=None)
    rule_set = rrule.rruleset()
    for rule in _of_rrule(schedule_.rule, begin) if schedule_.kind == "rrule" else _of_cron(schedule_.rule, begin):
        # Without an end, a rule that never comes would be looked for until the year 9999.
        rule_set.rrule(rule if _ends(rule) else rule.replace(until=begin + HORIZON))
    first = list(islice(rule_set, 100))
    if not first:
        raise BadInput(schedule_.kind, f"{schedule_.rule!r} comes never")
    if len(first) == 100 and first[-1] - first[0] < timedelta(days=4):
        raise BadInput(schedule_.kind, f"{schedule_.rule!r} comes more often than once an hour")
    return rule_set


def _ends(rule: rrule.rrule) -> bool:
    return any(part in str(rule) for part in ("UNTIL=", "COUNT="))


def _of_rrule(text: str, begin: datetime) -> list[rrule.rrule]:
    text = text.removeprefix("RRULE:")
    if "\n" in text or any(f"FREQ={often}" in text.upper() for often in _OFTEN):
        raise BadInput("rrule", "must be one RRULE that comes daily at most")
    try:
        rule_ = rrule.rrulestr(text, dtstart=begin.replace(microsecond=0))
        if isinstance(rule_, rrule.rrule):
            return [rule_]
        raise ValueError("it is several")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput("rrule", f"{text!r} is not a recurrence rule of RFC 5545: {error}") from None


def _of_cron(text: str, begin: datetime) -> list[rrule.rrule]:
    """Where both kinds of day are given, either will do: that is cron's rule."""
    fields = text.lower().split()
    if len(fields) != 5:
        raise BadInput("cron", "must have five fields: minute, hour, day of the month, month, day of the week")
    minutes, hours, days, months, weekdays = (_field(field_text, n) for n, field_text in enumerate(fields))
    either = fields[2] != "*" and fields[4] != "*"

    def rule(by_day: bool) -> rrule.rrule:
        return rrule.rrule(
            rrule.DAILY,
            dtstart=begin.replace(microsecond=0),
            bymonth=months,
            bymonthday=None if by_day else days,
            byweekday=[_DAY[day % 7] for day in weekdays] if by_day else None,
            byhour=hours,
            byminute=minutes,
            bysecond=0,
        )

    return [rule(False), rule(True)] if either else [rule(fields[4] != "*")]


def _field(text: str, field_index: int) -> list[int]:
    name, low, high = _CRON[field_index]
    field_values: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/(\d+))?", part)
        if not match:
            raise BadInput("cron", f"{part!r} is not a {name}")
        first, last, step = match.groups()
        start = low if first == "*" else _value(first, field_index)
        end = high if first == "*" or (step and not last) else start
        end = _value(last, field_index) if last else end
        if start > end or (step and int(step) < 1):
            raise BadInput("cron", f"{part!r} is not a {name}")
        field_values |= set(range(start, end + 1, int(step or 1)))
    return sorted(field_values)


def _value(text: str, field_index: int) -> int:
    name, low, high = _CRON[field_index]
    names = _CRON_NAMES.get(field_index, ())
    value = names.index(text) + low if text in names else int(text) if text.isdigit() else -1
    if not low <= value <= high:
        raise BadInput("cron", f"{text!r} is not a {name} ({low} to {high})")
    return value


def occurrences(schedule_: WindowSchedule, after: float, limit: int) -> list[Occurrence]:
    """Return the next occurrences that end after `after`, at most `limit`."""
    occurrences_: list[Occurrence] = []
    for occurrence in _all(schedule_, after):
        if len(occurrences_) == limit or (schedule_.until is not None and occurrence.start > schedule_.until):
            break
        occurrences_.append(occurrence)
    return occurrences_


def _all(schedule_: WindowSchedule, after: float) -> Iterator[Occurrence]:
    if schedule_.kind == "once":
        if schedule_.start + schedule_.duration > after:
            yield Occurrence(schedule_.start, schedule_.start + schedule_.duration)
        return
    zone = ZoneInfo(schedule_.timezone)
    # A day more than its duration, since a clock that is put back makes local times come twice.
    begin = (
        datetime.fromtimestamp(max(0.0, after - schedule_.duration - 86400), UTC).astimezone(zone).replace(tzinfo=None)
    )
    for start in _compiled(schedule_).xafter(begin, inc=True):
        at = start.replace(tzinfo=zone).timestamp()
        if at + schedule_.duration > after and at >= schedule_.start:
            yield Occurrence(at, at + schedule_.duration)


@lru_cache(maxsize=1024)
def _around(schedule_: WindowSchedule, minute: int) -> tuple[Occurrence, ...]:
    return tuple(o for o in occurrences(schedule_, minute * 60.0, 4) if o.start < minute * 60.0 + 60)


def current(schedule_: WindowSchedule, now: float) -> Occurrence | None:
    """Return the occurrence at `now`; of several, the last to end."""
    current_occurrences = [o for o in _around(schedule_, int(now // 60)) if o.start <= now < o.end]
    return max(current_occurrences, key=lambda o: o.end, default=None)
