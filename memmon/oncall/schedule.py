"""Pure: who is on call in a schedule, at a moment and over a time.

Overrides go before the calendar, the calendar before rotations, a later rotation before an earlier
one. Hand-over times are local times of the schedule's zone: 09:00 stays 09:00 over the year, and a
shift is an hour longer or shorter when clocks change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from memmon.config.escalation import Hours, Rotation, Schedule

LONGEST = 366
"""Days that are looked over at once."""


class Shift(NamedTuple):
    """One person's time on call, [start, end) in Unix seconds, and why: override, calendar or
    rotation. Nobody is a gap.
    """

    start: float
    end: float
    contact: str | None
    why: str = ""


def of_overrides(schedule: Schedule) -> list[Shift]:
    """Return the overrides that the configuration names."""
    zone = ZoneInfo(schedule.timezone)
    return [Shift(_moment(o.start, zone), _moment(o.end, zone), o.contact, "override") for o in schedule.overrides]


def _moment(at: datetime, zone: ZoneInfo) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def shift_at(schedule: Schedule, shifts_given: Sequence[Shift], at: float) -> Shift:
    """Return the on-call person at `at`, as a shift without length; `shifts_given` are overrides
    and events of the calendar.
    """
    for why in ("override", "calendar"):
        matching = [shift for shift in shifts_given if shift.why == why and shift.start <= at < shift.end]
        if matching:
            return Shift(at, at, matching[-1].contact, why)
    for rotation in reversed(schedule.rotations):
        contact = turn(rotation, schedule.timezone, at)
        if contact is not None:
            return Shift(at, at, contact, "rotation")
    return Shift(at, at, None)


def turn(rotation: Rotation, timezone: str, at: float) -> str | None:
    """Return whose turn it is in a rotation; None before its start and outside its hours."""
    zone = ZoneInfo(timezone)
    day = datetime.fromtimestamp(at, UTC).astimezone(zone).date()
    if at < _clock(day, rotation.handover, zone):
        day -= timedelta(days=1)
    if day < rotation.start:
        return None
    if rotation.hours and not any(start <= at < end for start, end in _around(rotation.hours, zone, at)):
        return None
    return rotation.members[(day - rotation.start).days // rotation.turn % len(rotation.members)]


def _clock(day: date, minute: int, zone: ZoneInfo) -> float:
    """Return the moment at which the clocks of a zone show a minute of a day; of two the first."""
    whole, left = divmod(minute, 1440)
    at = datetime.combine(day + timedelta(days=whole), time(left // 60, left % 60), zone)
    return at.timestamp()


def _around(hours: Iterable[Hours], zone: ZoneInfo, at: float) -> Iterator[tuple[float, float]]:
    """Return the stretches of `hours` that began today or yesterday."""
    today = datetime.fromtimestamp(at, UTC).astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        yield from _of_day(hours, zone, day)


def _of_day(hours: Iterable[Hours], zone: ZoneInfo, day: date) -> Iterator[tuple[float, float]]:
    for hour in hours:
        first, last = hour.weekdays
        if first <= day.isoweekday() % 7 <= last:
            over = hour.end if hour.end > hour.start else hour.end + 1440
            yield _clock(day, hour.start, zone), _clock(day, over, zone)


def shifts(schedule: Schedule, shifts_given: Sequence[Shift], start: float, end: float) -> list[Shift]:
    """Return who is on call from `start` to `end`, without a break; what follows from the same
    reason is one shift.
    """
    edges = {start, *(at for at in _edges(schedule, shifts_given, start, end) if start < at < end)}
    shifts_: list[Shift] = []
    for at in sorted(edges):
        now = shift_at(schedule, shifts_given, at)
        if shifts_ and (shifts_[-1].contact, shifts_[-1].why) == (now.contact, now.why):
            continue
        if shifts_:
            shifts_[-1] = shifts_[-1]._replace(end=at)
        shifts_.append(now._replace(start=at, end=end))
    return shifts_


def _edges(schedule: Schedule, shifts_given: Iterable[Shift], start: float, end: float) -> Iterator[float]:
    """Return every moment at which the on-call person may change."""
    for shift in shifts_given:
        yield from (shift.start, shift.end)
    zone = ZoneInfo(schedule.timezone)
    day = datetime.fromtimestamp(start, UTC).astimezone(zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end, UTC).astimezone(zone).date() + timedelta(days=1)
    while day <= last:
        for rotation in schedule.rotations:
            yield _clock(day, rotation.handover, zone)
            for stretch in _of_day(rotation.hours, zone, day):
                yield from stretch
        day += timedelta(days=1)


def gaps(shifts_: Iterable[Shift]) -> list[Shift]:
    """Return the stretches in which nobody is on call."""
    return [shift for shift in shifts_ if shift.contact is None]
