"""Pure: when a maintenance window comes. Local times are those of the window's zone, so that 02:00 stays 02:00 over the year.

A schedule is `once`, `weekly` (days and a time), `cron` (five fields, crontab(5)) or `rrule` (RFC 5545), each with a duration.
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


class Schedule(NamedTuple):
    """When a window comes: from `start` (Unix seconds) on, and not after `until`. `rule` is what its kind wants, as text."""

    kind: str
    rule: str
    start: float
    duration: float
    timezone: str = "UTC"
    until: float | None = None


def schedule(given: Mapping[str, Any], now: float) -> Schedule:
    """Return the schedule that `given` says; raise BadInput with the name of what is wrong.

    Keys: kind, start (Unix seconds, now where it is missing), duration (seconds), timezone, until, and by kind: `days` (names of
    weekdays) and `time` (HH:MM), `cron` or `rrule`.
    """
    kind = given.get("kind", "once")
    if kind not in KINDS:
        raise BadInput("kind", f"must be one of {', '.join(KINDS)}")
    duration, start, until = (_number(given, name) for name in ("duration", "start", "until"))
    if duration is None or not 0 < duration <= LONGEST:
        raise BadInput("duration", "must be more than nothing and at most 31 days")
    found = Schedule(kind, _rule(kind, given), now if start is None else start, duration, _zone(given), until)
    if until is not None and until <= found.start:
        raise BadInput("until", "must be after the start")
    if kind != "once":
        _compiled(found)
    return found


def _number(given: Mapping[str, Any], name: str) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253402300799:
        raise BadInput(name, "must be a number of seconds")
    return float(value)


def _zone(given: Mapping[str, Any]) -> str:
    zone = given.get("timezone") or "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError):
        raise BadInput("timezone", f"{zone!r} is not a time zone like Europe/Berlin") from None
    return str(zone)


def _rule(kind: str, given: Mapping[str, Any]) -> str:
    if kind == "once":
        return ""
    if kind == "weekly":
        days = given.get("days")
        if not isinstance(days, list | tuple) or not days or not all(day in WEEKDAYS for day in days):
            raise BadInput("days", f"must be a list of {', '.join(WEEKDAYS)}")
        try:
            minute = minute_of(given.get("time", "00:00")) % 1440
        except ValueError as error:
            raise BadInput("time", str(error)) from None
        numbers = ",".join(str(WEEKDAYS.index(day)) for day in days)
        return f"{minute % 60} {minute // 60} * * {numbers}"
    text = given.get(kind)
    if not isinstance(text, str) or not 0 < len(text) <= 500:
        raise BadInput(kind, "must be text of at most 500 characters")
    return text.strip()


@lru_cache(maxsize=256)
def _compiled(one: Schedule) -> rrule.rruleset:
    """Return the starts in local time without a zone."""
    begin = datetime.fromtimestamp(one.start, UTC).astimezone(ZoneInfo(one.timezone)).replace(tzinfo=None)
    found = rrule.rruleset()
    for rule in _of_rrule(one.rule, begin) if one.kind == "rrule" else _of_cron(one.rule, begin):
        # Without an end, a rule that never comes would be looked for until the year 9999.
        found.rrule(rule if _ends(rule) else rule.replace(until=begin + HORIZON))
    first = list(islice(found, 100))
    if not first:
        raise BadInput(one.kind, f"{one.rule!r} comes never")
    if len(first) == 100 and first[-1] - first[0] < timedelta(days=4):
        raise BadInput(one.kind, f"{one.rule!r} comes more often than once an hour")
    return found


def _ends(rule: rrule.rrule) -> bool:
    return any(part in str(rule) for part in ("UNTIL=", "COUNT="))


def _of_rrule(text: str, begin: datetime) -> list[rrule.rrule]:
    text = text.removeprefix("RRULE:")
    if "\n" in text or any(f"FREQ={often}" in text.upper() for often in _OFTEN):
        raise BadInput("rrule", "must be one RRULE that comes daily at most")
    try:
        found = rrule.rrulestr(text, dtstart=begin.replace(microsecond=0))
        if isinstance(found, rrule.rrule):
            return [found]
        raise ValueError("it is several")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput("rrule", f"{text!r} is not a recurrence rule of RFC 5545: {error}") from None


def _of_cron(text: str, begin: datetime) -> list[rrule.rrule]:
    """Where both kinds of day are given, either will do: that is cron's rule."""
    fields = text.lower().split()
    if len(fields) != 5:
        raise BadInput("cron", "must have five fields: minute, hour, day of the month, month, day of the week")
    minutes, hours, days, months, weekdays = (_field(one, n) for n, one in enumerate(fields))
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


def _field(text: str, number: int) -> list[int]:
    name, low, high = _CRON[number]
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/(\d+))?", part)
        if not match:
            raise BadInput("cron", f"{part!r} is not a {name}")
        first, last, step = match.groups()
        start = low if first == "*" else _value(first, number)
        end = high if first == "*" or (step and not last) else start
        end = _value(last, number) if last else end
        if start > end or (step and int(step) < 1):
            raise BadInput("cron", f"{part!r} is not a {name}")
        found |= set(range(start, end + 1, int(step or 1)))
    return sorted(found)


def _value(text: str, number: int) -> int:
    name, low, high = _CRON[number]
    names = _CRON_NAMES.get(number, ())
    value = names.index(text) + low if text in names else int(text) if text.isdigit() else -1
    if not low <= value <= high:
        raise BadInput("cron", f"{text!r} is not a {name} ({low} to {high})")
    return value


def occurrences(one: Schedule, after: float, limit: int) -> list[Occurrence]:
    """Return the next occurrences that end after `after`, at most `limit`."""
    found: list[Occurrence] = []
    for occurrence in _all(one, after):
        if len(found) == limit or (one.until is not None and occurrence.start > one.until):
            break
        found.append(occurrence)
    return found


def _all(one: Schedule, after: float) -> Iterator[Occurrence]:
    if one.kind == "once":
        if one.start + one.duration > after:
            yield Occurrence(one.start, one.start + one.duration)
        return
    zone = ZoneInfo(one.timezone)
    # A day more than its duration, since a clock that is put back makes local times come twice.
    begin = datetime.fromtimestamp(max(0.0, after - one.duration - 86400), UTC).astimezone(zone).replace(tzinfo=None)
    for start in _compiled(one).xafter(begin, inc=True):
        at = start.replace(tzinfo=zone).timestamp()
        if at + one.duration > after and at >= one.start:
            yield Occurrence(at, at + one.duration)


@lru_cache(maxsize=1024)
def _around(one: Schedule, minute: int) -> tuple[Occurrence, ...]:
    return tuple(o for o in occurrences(one, minute * 60.0, 4) if o.start < minute * 60.0 + 60)


def current(one: Schedule, now: float) -> Occurrence | None:
    """Return the occurrence that holds at `now`; of several the one that ends last."""
    held = [o for o in _around(one, int(now // 60)) if o.start <= now < o.end]
    return max(held, key=lambda o: o.end, default=None)
