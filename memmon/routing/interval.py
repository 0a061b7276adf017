"""Pure: whether a moment lies in a time interval, and which intervals mute a route.

Source: Alertmanager's `timeinterval/timeinterval.go` (ContainsTime) and its time mute stages.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from memmon.config.intervals import Interval, Range, TimeInterval


def contains(interval: Interval, now: float) -> bool:
    """Tell whether the moment `now` (Unix seconds) lies in `interval`, by the clocks of its
    location.
    """
    at = datetime.fromtimestamp(now, UTC).astimezone(_zone(interval.location))
    minute = at.hour * 60 + at.minute
    if interval.times and not any(time.start_time <= minute < time.end_time for time in interval.times):
        return False
    if interval.days_of_month and not any(_has_day(days, at) for days in interval.days_of_month):
        return False
    checks = ((interval.months, at.month), (interval.weekdays, at.isoweekday() % 7), (interval.years, at.year))
    return all(not ranges or any(start <= value <= end for start, end in ranges) for ranges, value in checks)


def _zone(location: str) -> tzinfo | None:
    return None if location == "Local" else ZoneInfo(location)


def _has_day(days: Range, at: datetime) -> bool:
    """Days below zero count from the end of the month; what reaches beyond the month is cut."""
    last = calendar.monthrange(at.year, at.month)[1]
    start, end = (day if day > 0 else last + day + 1 for day in days)
    if start > last:
        return False  # No such day in this month, such as the 30th of February.
    return max(start, 1) <= at.day <= min(end, last)


def muting(mute: Sequence[str], active: Sequence[str], intervals: Mapping[str, TimeInterval], now: float) -> list[str]:
    """Return the names of the intervals that mute a route now: those of `mute` that hold, and those
    of `active` when none does.
    """
    current_names = {
        name
        for name in (*mute, *active)
        if any(contains(time_interval, now) for time_interval in intervals[name].time_intervals)
    }
    muting = [name for name in mute if name in current_names]
    if active and not any(name in current_names for name in active):
        muting += active
    return muting
