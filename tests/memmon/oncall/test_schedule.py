from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmon.config.escalation import Schedule
from memmon.oncall import schedule as oncall_schedule
from memmon.oncall.schedule import Shift

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86400.0


def berlin(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def a_schedule(*rotations: dict[str, Any], **extra: Any) -> Schedule:
    return Schedule.model_validate({"name": "s", "timezone": "Europe/Berlin", "rotations": rotations, **extra})


WEEKLY = {"members": ["ann", "bob"], "start": "2026-01-05", "turn": "weekly", "handover": "09:00"}


def at(schedule: Schedule, text: str, shifts: list[Shift] | None = None) -> str | None:
    return oncall_schedule.shift_at(schedule, shifts or [], berlin(text)).contact


def test_the_week_is_handed_over_at_its_hour_and_goes_round() -> None:
    weekly = a_schedule(WEEKLY)
    assert at(weekly, "2026-01-05T08:59:59") is None
    assert at(weekly, "2026-01-05T09:00:00") == "ann"
    assert at(weekly, "2026-01-12T08:59:59") == "ann"
    assert at(weekly, "2026-01-12T09:00:00") == "bob"
    assert at(weekly, "2026-01-19T09:00:00") == "ann"


def test_the_hour_of_the_hand_over_stays_when_the_clocks_change() -> None:
    weekly = a_schedule(WEEKLY)
    for text in ("2026-03-30T08:59:59", "2026-03-30T09:00:00"):  # The first hand-over in summer.
        assert at(weekly, text) == ("bob" if text.endswith("59") else "ann")
    daily = a_schedule({**WEEKLY, "turn": "daily"})
    [night] = oncall_schedule.shifts(daily, [], berlin("2026-03-28T09:00:00"), berlin("2026-03-29T09:00:00"))
    assert night.end - night.start == 23 * 3600
    [night] = oncall_schedule.shifts(daily, [], berlin("2026-10-24T09:00:00"), berlin("2026-10-25T09:00:00"))
    assert night.end - night.start == 25 * 3600


def test_a_hand_over_in_the_hour_that_comes_twice_is_made_once() -> None:
    daily = a_schedule({**WEEKLY, "turn": "daily", "handover": "02:30"})
    shifts = oncall_schedule.shifts(daily, [], berlin("2026-10-24T12:00:00"), berlin("2026-10-26T12:00:00"))
    assert len(shifts) == 3
    assert shifts[1].end - shifts[1].start == 25 * 3600


def test_a_later_rotation_goes_before_an_earlier_one_within_its_hours() -> None:
    nights = {
        "members": ["owl"],
        "start": "2026-01-01",
        "hours": [{"weekdays": "monday:friday", "from": "22:00", "to": "06:00"}],
    }
    both = a_schedule(WEEKLY, nights)
    assert at(both, "2026-01-06T21:59:00") == "ann"
    assert at(both, "2026-01-06T22:00:00") == "owl"
    assert at(both, "2026-01-07T05:59:00") == "owl"
    assert at(both, "2026-01-07T06:00:00") == "ann"
    assert at(both, "2026-01-10T05:59:00") == "owl"  # Friday's night ends on Saturday.
    assert at(both, "2026-01-10T23:00:00") == "ann"


def test_overrides_go_before_the_calendar_and_that_before_rotations() -> None:
    weekly = a_schedule(WEEKLY, overrides=[{"contact": "eve", "from": "2026-01-06 10:00", "to": "2026-01-06 12:00"}])
    calendar = [Shift(berlin("2026-01-06T08:00:00"), berlin("2026-01-06T18:00:00"), "cal", "calendar")]
    arguments = [*calendar, *oncall_schedule.of_overrides(weekly)]
    shifts = oncall_schedule.shifts(weekly, arguments, berlin("2026-01-06T00:00:00"), berlin("2026-01-07T00:00:00"))
    assert [(entry.contact, entry.why) for entry in shifts] == [
        ("ann", "rotation"), ("cal", "calendar"), ("eve", "override"), ("cal", "calendar"), ("ann", "rotation")
    ]  # fmt: skip


def test_a_gap_is_named_from_its_beginning_to_its_end() -> None:
    office = {"members": ["ann"], "start": "2026-01-01", "hours": [{"from": "09:00", "to": "17:00"}]}
    shifts = oncall_schedule.shifts(
        a_schedule(office), [], berlin("2026-01-06T12:00:00"), berlin("2026-01-07T12:00:00")
    )
    [gap] = oncall_schedule.gaps(shifts)
    assert (gap.start, gap.end) == (berlin("2026-01-06T17:00:00"), berlin("2026-01-07T09:00:00"))


ROTATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "members": st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3),
            "start": st.dates(date(2026, 1, 1), date(2026, 4, 1)),
            "turn": st.integers(1, 9),
            "handover": st.integers(0, 1439),
            "hours": st.lists(
                st.fixed_dictionaries({"from": st.integers(0, 1439), "to": st.integers(1, 1440)}), max_size=2
            ),
        }
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(
    ROTATIONS,
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 330),
    st.lists(st.integers(0, 5 * 86400 - 1), min_size=1, max_size=20),
)
def test_shifts_say_of_each_moment_what_who_says_and_leave_none_out(
    rotations: list[dict[str, Any]], zone: str, day: int, moments: list[int]
) -> None:
    schedule = Schedule.model_validate({"name": "s", "timezone": zone, "rotations": rotations})
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp() + day * DAY
    shifts = oncall_schedule.shifts(schedule, [], start, start + 5 * DAY)
    assert (shifts[0].start, shifts[-1].end) == (start, start + 5 * DAY)
    assert all(a.end == b.start for a, b in zip(shifts, shifts[1:], strict=False))
    for moment in moments:
        entry = next(s for s in shifts if s.start <= start + moment < s.end)
        assert entry.contact == oncall_schedule.shift_at(schedule, [], start + moment).contact


@pytest.mark.parametrize("wrong", [{"turn": 0}, {"members": []}, {"handover": "9"}, {"start": "soon"}])
def test_a_rotation_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        a_schedule({**WEEKLY, **wrong})
