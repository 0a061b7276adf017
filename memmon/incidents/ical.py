"""The door to iCalendar (RFC 5545): who is on call, read from a calendar and written as one.

An event's summary is the name of a contact. Recurring events are read as they come (RRULE, EXDATE, RECURRENCE-ID).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Event

from memmon.errors import BadInput
from memmon.incidents.oncall import Shift


@lru_cache(maxsize=32)
def _calendar(text: str) -> Calendar:
    try:
        return Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise BadInput("ical", f"is no calendar: {error}") from None


def check(text: str) -> None:
    """Raise BadInput for a text that is no calendar."""
    _calendar(text)


def read(text: str, timezone: str, start: float, end: float) -> list[Shift]:
    """Return the events between `start` and `end` (Unix seconds), the earliest first. A day without a time is the whole day of the
    zone; so is a time without a zone one of it."""
    zone = ZoneInfo(timezone)
    between = (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
    found = []
    for one in recurring_ical_events.of(_calendar(text)).between(*between):
        summary = str(one.get("SUMMARY", "")).strip()
        if summary:
            found.append(Shift(_moment(one.start, zone), _moment(one.end, zone), summary, "calendar"))
    return sorted(found)


def _moment(at: date, zone: ZoneInfo) -> float:
    moment = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day)  # noqa: DTZ001 - the zone follows.
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def write(name: str, shifts: list[Shift], now: float) -> str:
    """Return a calendar of shifts; an event keeps its UID, so that a calendar that reads it again updates it."""
    calendar = Calendar()
    calendar.add("prodid", "-//memmon//on-call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"on call: {name}")
    for one in shifts:
        if one.contact is None:
            continue
        event = Event()
        event.add("uid", f"{name}-{int(one.start)}@memmon")
        event.add("dtstamp", datetime.fromtimestamp(now, UTC))
        event.add("dtstart", datetime.fromtimestamp(one.start, UTC))
        event.add("dtend", datetime.fromtimestamp(one.end, UTC))
        event.add("summary", one.contact)
        event.add("description", f"on call by {one.why}")
        calendar.add_component(event)
    return str(calendar.to_ical().decode())
