from __future__ import annotations

from typing import Any

import pytest

from memmon import encode
from memmon.errors import BadInput
from memmon.routing import recurrence
from memmon.routing.recurrence import WindowSchedule

NOW = encode.seconds_of("2026-03-01T00:00:00Z")


def schedule(**arguments: Any) -> WindowSchedule:
    return recurrence.schedule({"duration": 3600, **arguments}, NOW)


def starts(schedule: WindowSchedule, count: int = 3, after: float = NOW) -> list[str]:
    return [encode.iso(o.start)[:16] for o in recurrence.occurrences(schedule, after, count)]  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"kind": "once", "start": NOW + 600}, ["2026-03-01T00:10"]),
        (
            {"kind": "weekly", "days": ["monday", "thursday"], "time": "22:30"},
            ["2026-03-02T22:30", "2026-03-05T22:30", "2026-03-09T22:30"],
        ),
        ({"kind": "cron", "cron": "15 3 * * *"}, ["2026-03-01T03:15", "2026-03-02T03:15", "2026-03-03T03:15"]),
        ({"kind": "cron", "cron": "0 4 1 */3 *"}, ["2026-04-01T04:00", "2026-07-01T04:00", "2026-10-01T04:00"]),
        ({"kind": "cron", "cron": "0 12 13 * fri"}, ["2026-03-06T12:00", "2026-03-13T12:00", "2026-03-20T12:00"]),
        (
            {"kind": "cron", "cron": "0 8-16/8 * jan-mar mon,7"},
            ["2026-03-01T08:00", "2026-03-01T16:00", "2026-03-02T08:00"],
        ),
        (
            {"kind": "rrule", "rrule": "FREQ=MONTHLY;BYDAY=-1SA;BYHOUR=1;BYMINUTE=0;BYSECOND=0"},
            ["2026-03-28T01:00", "2026-04-25T01:00", "2026-05-30T01:00"],
        ),
        ({"kind": "rrule", "rrule": "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=2"}, ["2026-03-01T00:00", "2026-03-03T00:00"]),
    ],
)
def test_a_window_comes_when_its_schedule_says(arguments: dict[str, Any], expected: list[str]) -> None:
    assert starts(schedule(**arguments)) == expected


def test_a_window_that_holds_now_is_the_first_of_the_next() -> None:
    daily = schedule(kind="cron", cron="0 2 * * *")
    assert starts(daily, 1, after=NOW + 2.5 * 3600) == ["2026-03-01T02:00"]
    assert starts(daily, 1, after=NOW + 3 * 3600) == ["2026-03-02T02:00"]
    stored = [recurrence.current(daily, NOW + hours * 3600) is not None for hours in (1.99, 2, 2.99, 3)]
    assert stored == [False, True, True, False]


def test_two_in_the_morning_stays_so_when_the_clocks_change() -> None:
    actual = schedule(kind="cron", cron="0 4 * * *", timezone="Europe/Berlin")
    assert starts(actual, 3, after=encode.seconds_of("2026-03-27T12:00:00Z")) == [
        "2026-03-28T03:00",
        "2026-03-29T02:00",
        "2026-03-30T02:00",
    ]


def test_a_schedule_ends_when_it_is_said_to() -> None:
    actual = schedule(kind="cron", cron="0 2 * * *", until=NOW + 86400 * 1.5)
    assert starts(actual, 10) == ["2026-03-01T02:00", "2026-03-02T02:00"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"kind": "hourly"}, "kind"),
        ({"duration": 0}, "duration"),
        ({"duration": 32 * 86400}, "duration"),
        ({"duration": "1h"}, "duration"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"until": NOW - 1}, "until"),
        ({"kind": "weekly"}, "days"),
        ({"kind": "weekly", "days": ["someday"]}, "days"),
        ({"kind": "weekly", "days": ["monday"], "time": "25:00"}, "time"),
        ({"kind": "cron"}, "cron"),
        ({"kind": "cron", "cron": "0 2 * *"}, "cron"),
        ({"kind": "cron", "cron": "60 2 * * *"}, "cron"),
        ({"kind": "cron", "cron": "0 5-2 * * *"}, "cron"),
        ({"kind": "cron", "cron": "0 0 30 2 *"}, "cron"),
        ({"kind": "cron", "cron": "* * * * *"}, "cron"),
        ({"kind": "rrule", "rrule": "FREQ=SECONDLY"}, "rrule"),
        ({"kind": "rrule", "rrule": "FREQ=SOMETIMES"}, "rrule"),
        ({"kind": "rrule", "rrule": "FREQ=DAILY\nEXDATE:20260301T000000"}, "rrule"),
        ({"kind": "rrule", "rrule": "FREQ=DAILY;BYHOUR=1,2;BYMINUTE=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14"}, "rrule"),
    ],
)
def test_a_schedule_that_is_none_is_refused_by_its_field(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        schedule(**arguments)
    assert refused.value.field == field
