"""routes.yml: `time_intervals`, times of the day, weekdays, days of the month, months and years,
all in one place of the world.

Source: Alertmanager's `timeinterval/timeinterval.go`. A range reads from both of its ends, both
counted in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator

from memmon.config.model import Section

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")

Range = tuple[int, int]


def minute_of(text: str) -> int:
    """Return the minute of the day that `HH:MM` means, up to 24:00; raise ValueError for anything
    else.
    """
    if not isinstance(text, str) or not _CLOCK.fullmatch(text):
        raise ValueError(f"couldn't parse timestamp {text}, invalid format")
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _range(value: Any, parse: Callable[[str], int], unit: str) -> Range:
    """Return both ends of `a:b`, or of `a` alone."""
    if isinstance(value, tuple):
        return value
    texts = str(value).lower().split(":")
    if len(texts) > 2:
        raise ValueError(f"{value} is not a range of {unit}s like {unit}:{unit}")
    start, end = parse(texts[0].strip()), parse(texts[-1].strip())
    if start > end and unit != "day":
        raise ValueError(f"end {unit} {texts[-1]} is before start {unit} {texts[0]}")
    return start, end


def _named(names: tuple[str, ...], unit: str, first: int) -> Callable[[str], int]:
    def parse_name(text: str) -> int:
        if text in names:
            return names.index(text) + first
        if unit == "month" and text.isascii() and text.isdigit() and 1 <= int(text) <= 12:
            return int(text)
        raise ValueError(f"{text} is not a valid {unit}")

    return parse_name


def _day(text: str) -> int:
    try:
        index = int(text)
    except ValueError:
        index = 0
    if index == 0 or not -31 <= index <= 31:
        raise ValueError(f"{text} is not a valid day of the month: out of range")
    return index


def _days(value: Any) -> Range:
    start, end = _range(value, _day, "day")
    if start < 0 < end:
        raise ValueError("end day must be negative if start day is negative")
    if _counted(start) > _counted(end):
        raise ValueError(f"end day {end} is always before start day {start}")
    return start, end


def _counted(day: int) -> int:
    """Return a day of a month of thirty, as Alertmanager counts from the end: what no month can
    have is found so, and no more.
    """
    return day if day > 0 else 30 + day


def _year(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text):
        raise ValueError(f"{text} is not a valid year")
    return int(text)


Weekdays = Annotated[Range, BeforeValidator(lambda v: _range(v, _named(WEEKDAYS, "weekday", 0), "weekday"))]
Months = Annotated[Range, BeforeValidator(lambda v: _range(v, _named(MONTHS, "month", 1), "month"))]
Days = Annotated[Range, BeforeValidator(_days)]
Years = Annotated[Range, BeforeValidator(lambda v: _range(v, _year, "year"))]
Minute = Annotated[int, BeforeValidator(lambda v: v if isinstance(v, int) else minute_of(v))]


class Times(Section):
    """A part of the day, [start_time, end_time), in minutes since midnight."""

    start_time: Minute
    end_time: Minute

    @field_validator("end_time")
    @classmethod
    def _ends_later(cls, value: int, info: Any) -> int:
        if value <= info.data.get("start_time", -1):
            raise ValueError("start time cannot be equal or greater than end time")
        return value


class Interval(Section):
    """What holds in each of its lists; a list that is left out holds always."""

    times: tuple[Times, ...] = ()
    weekdays: tuple[Weekdays, ...] = ()
    days_of_month: tuple[Days, ...] = ()
    months: tuple[Months, ...] = ()
    years: tuple[Years, ...] = ()
    location: str = "UTC"

    @field_validator("location")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            if value != "Local":
                ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone like Europe/Berlin") from None
        return value


class TimeInterval(Section):
    """An interval with a name: it holds while one of its parts does."""

    name: str = Field(min_length=1)
    time_intervals: tuple[Interval, ...] = ()
