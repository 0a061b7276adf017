from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from memmon import encode
from memmon.config.intervals import Interval, TimeInterval, Times
from memmon.routing import interval
from tests.memmon.routing.tables import shared, table

INTERVALS = shared("time_intervals", "intervals")
NAMED = {
    name: TimeInterval.model_validate({"name": name, "time_intervals": [entry]})
    for name, entry in shared("time_intervals", "named").items()
}
NIGHT = TimeInterval.model_validate(
    {"name": "night", "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]}
)


def at(text: str) -> float:
    return encode.seconds_of(text)


@pytest.mark.parametrize("row", table("time_intervals", "contains"))
def test_alertmanager_finds_the_same_moments_inside(row: dict[str, Any]) -> None:
    model = Interval.model_validate(INTERVALS[row["interval"]])
    assert interval.contains(model, at(row["at"])) == row["contains"]


@pytest.mark.parametrize("row", table("time_intervals", "parse"))
def test_alertmanager_reads_the_same_intervals(row: dict[str, Any]) -> None:
    arguments = {"name": "x", "time_intervals": yaml.safe_load(row["yaml"])}
    if row["valid"]:
        TimeInterval.model_validate(arguments)
        return
    with pytest.raises(ValidationError) as refused:
        TimeInterval.model_validate(arguments)
    assert row["error"] in str(refused.value)


@pytest.mark.parametrize("row", table("time_intervals", "times"))
def test_alertmanager_reads_the_same_times(row: dict[str, Any]) -> None:
    arguments = {name: row[name] for name in ("start_time", "end_time") if name in row}
    if not row["valid"]:
        with pytest.raises(ValidationError):
            Times.model_validate(arguments)
        return
    model = Times.model_validate(arguments)
    assert (model.start_time, model.end_time) == (row["start_minute"], row["end_minute"])


@pytest.mark.parametrize("row", table("time_intervals", "muted"))
def test_alertmanager_mutes_the_same(row: dict[str, Any]) -> None:
    route = row["route"]
    names = [route.get(f"{kind}_time_intervals", []) for kind in ("mute", "active")]
    muting = interval.muting(*names, NAMED, at(row["at"]))
    assert muting == row["muted_by"]
    assert bool(muting) == row["muted"]


def test_a_route_that_says_nothing_is_never_muted() -> None:
    assert interval.muting((), (), {}, 0.0) == []


def test_an_hour_that_the_clocks_skip_or_repeat_is_as_the_clock_on_the_wall_shows_it() -> None:
    three = Interval.model_validate(
        {"times": [{"start_time": "02:00", "end_time": "03:00"}], "location": "Europe/Berlin"}
    )
    spring = [interval.contains(three, at(f"2026-03-29T0{hour}:30:00Z")) for hour in range(3)]
    autumn = [interval.contains(three, at(f"2026-10-25T0{hour}:30:00Z")) for hour in range(3)]
    assert spring == [False, False, False]
    assert autumn == [True, True, False]


@pytest.mark.parametrize("days", ["5:2", "15:-20", "1:-31", "-1:-3", "0:3", "1:32", "1:2:3", "x", ""])
def test_days_that_no_month_has_in_this_order_are_refused(days: str) -> None:
    with pytest.raises(ValidationError):
        Interval.model_validate({"days_of_month": [days]})
    for fine in ("5", "1:31", "10:-1", "-31:-1", "28:-2"):
        Interval.model_validate({"days_of_month": [fine]})


@pytest.mark.parametrize("zone", ["Nowhere/City", "../etc/passwd", ""])
def test_a_place_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="time zone"):
        Interval.model_validate({"location": zone})


def test_a_part_of_the_day_ends_before_midnight_is_over() -> None:
    assert interval.muting(("night",), (), {"night": NIGHT}, at("2026-01-01T23:59:59Z")) == ["night"]
    assert interval.muting(("night",), (), {"night": NIGHT}, at("2026-01-02T00:00:00Z")) == []
