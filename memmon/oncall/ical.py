"""The door to iCalendar (RFC 5545): who is on call, read from a calendar and written as one.

An event's summary is the name of a contact. Recurring events are read as they come (RRULE, EXDATE,
RECURRENCE-ID). An event that cannot be read, or that comes so often that it is nobody's shift, is
left out and named: the others must still be paged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import prod
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Event

from memmon.errors import BadInput
from memmon.oncall.schedule import Shift

MOST_A_DAY = 4
"""How often an event may come on a day."""

RARELY = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
"""The rules that are followed: one by the hour takes too long from its first day on."""

MOST_RECURRING = 100
"""How many recurring events a calendar may hold: each is followed from its first day on."""

FIRST_YEAR = 1970
HOUR = 3600.0


class Read(NamedTuple):
    """A calendar with only its readable events, and the skipped ones."""

    calendar: Calendar
    left_out: tuple[str, ...]


@lru_cache(maxsize=32)
def _read(text: str) -> Read:
    try:
        calendar = Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise BadInput("ical", f"is no calendar: {error}") from None
    if calendar.name != "VCALENDAR":
        raise BadInput("ical", f"is no calendar, but a {calendar.name}")
    events = cast(list[Event], calendar.walk("VEVENT"))
    if sum("RRULE" in event for event in events) > MOST_RECURRING:
        raise BadInput("ical", f"holds more than {MOST_RECURRING} recurring events")
    series: dict[str, list[Event]] = {}
    for event in events:
        series.setdefault(str(event.get("UID") or id(event)), []).append(event)
    left_out = []
    for events_of_series in series.values():
        wrong = _wrong(calendar, events_of_series)
        if wrong is not None:
            left_out.append(f"{str(events_of_series[0].get('SUMMARY', '')).strip() or 'an event'}: {wrong}")
            calendar.subcomponents = [
                component
                for component in calendar.subcomponents
                if not any(component is event for event in events_of_series)
            ]
    return Read(calendar, tuple(left_out))


def _wrong(calendar: Calendar, events: list[Event]) -> str | None:
    """Return why the events of one UID cannot be read, or None."""
    try:
        for event in events:
            if any(_often(rule) for rule in _rules(event)):
                return f"only what comes by days, weeks, months or years is read, {MOST_A_DAY} times a day at most"
        alone = Calendar()
        alone.subcomponents = [
            *(component for component in calendar.subcomponents if component.name == "VTIMEZONE"),
            *events,
        ]
        first = min(event.start for event in events)
        if first.year < FIRST_YEAR:
            return f"it begins before {FIRST_YEAR}"
        recurring_ical_events.of(alone).between(first, first + timedelta(days=1))
    except Exception as error:  # noqa: BLE001 - It is left out and named, and the others hold.
        return f"{type(error).__name__}: {error}"
    return None


def _rules(event: Event) -> Iterator[dict[str, list[object]]]:
    rules = event.get("RRULE", [])
    yield from rules if isinstance(rules, list) else [rules]


def _often(rule: dict[str, list[object]]) -> bool:
    """Tell whether a rule names more moments of a day than a shift can begin at, or goes
    nowhere.
    """
    frequency = [str(value).upper() for value in rule.get("FREQ", [])]
    times = prod(len(rule.get(name, [0])) for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    steps = [int(str(value)) for value in rule.get("INTERVAL", [1])]
    return not set(frequency) <= RARELY or min(steps) < 1 or times > MOST_A_DAY


def left_out(text: str) -> tuple[str, ...]:
    """Return which events of a calendar are left out, and why. Raise BadInput for a text that is no
    calendar.
    """
    return _read(text).left_out


def read(text: str, timezone: str, start: float, end: float) -> list[Shift]:
    """Return the events between `start` and `end` (Unix seconds), the earliest first. A day without
    a time is the whole day of the zone; so is a time without a zone one of it.
    """
    shifts = _between(text, timezone, start // HOUR * HOUR, -(-end // HOUR) * HOUR)
    return [shift for shift in shifts if shift.start < end and shift.end > start]


@lru_cache(maxsize=64)
def _between(text: str, timezone: str, start: float, end: float) -> tuple[Shift, ...]:
    zone = ZoneInfo(timezone)
    between = (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
    shifts = []
    for occurrence in recurring_ical_events.of(_read(text).calendar, skip_bad_series=True).between(*between):
        summary = str(occurrence.get("SUMMARY", "")).strip()
        if summary:
            shifts.append(Shift(_moment(occurrence.start, zone), _moment(occurrence.end, zone), summary, "calendar"))
    return tuple(sorted(shifts))


def _moment(at: date, zone: ZoneInfo) -> float:
    moment = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day)  # noqa: DTZ001 - the zone follows.
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def write(name: str, shifts: list[Shift], now: float) -> str:
    """Return a calendar of shifts; an event keeps its UID, so that a calendar that reads it again
    updates it.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//memmon//on-call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"on call: {name}")
    for shift in shifts:
        if shift.contact is None:
            continue
        event = Event()
        event.add("uid", f"{name}-{int(shift.start)}@memmon")
        event.add("dtstamp", datetime.fromtimestamp(now, UTC))
        event.add("dtstart", datetime.fromtimestamp(shift.start, UTC))
        event.add("dtend", datetime.fromtimestamp(shift.end, UTC))
        event.add("summary", shift.contact)
        event.add("description", f"on call by {shift.why}")
        calendar.add_component(event)
    return str(calendar.to_ical().decode())
