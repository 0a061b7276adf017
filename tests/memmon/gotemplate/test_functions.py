from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memmon.gotemplate import alertmanager, strings
from memmon.gotemplate.functions import Misused
from memmon.gotemplate.prometheus import PROMETHEUS

AT = datetime(2026, 3, 4, 15, 6, 7, 120000, UTC)


# What promtool's rule tests say that Prometheus makes of the same numbers.
@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("humanize", 0.0, "0"),
        ("humanize", 999.0, "999"),
        ("humanize", 1234567.0, "1.235M"),
        ("humanize", 0.0123, "12.3m"),
        ("humanize", 1e-9, "1n"),
        ("humanize", -1500.0, "-1.5k"),
        ("humanize1024", 1024.0, "1ki"),
        ("humanize1024", 1234567.0, "1.177Mi"),
        ("humanize1024", 0.5, "0.5"),
        ("humanizeDuration", 0.0, "0s"),
        ("humanizeDuration", 0.0012, "1.2ms"),
        ("humanizeDuration", 59.5, "59.5s"),
        ("humanizeDuration", 899.99, "14m 59s"),
        ("humanizeDuration", 86399.0, "23h 59m 59s"),
        ("humanizeDuration", -61.0, "-1m 1s"),
        ("humanizePercentage", 0.1234567, "12.35%"),
        ("humanizeTimestamp", 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        ("stripPort", "[::1]:80", "::1"),
        ("stripPort", "host:80", "host"),
        ("stripDomain", "web.example.org:80", "web:80"),
        ("stripDomain", "10.0.0.1:80", "10.0.0.1:80"),
        ("parseDuration", "1h30m", 5400.0),
        ("graphLink", "up == 0", "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"),
    ],
)
def test_prometheus_functions_give_what_prometheus_gives(name: str, value: Any, written: Any) -> None:
    assert PROMETHEUS[name](value) == written


@pytest.mark.parametrize(
    ("layout", "written"),
    [
        ("2006-01-02T15:04:05Z07:00", "2026-03-04T15:06:07Z"),
        ("Mon Jan _2 3:04PM 06 MST", "Wed Mar  4 3:06PM 26 UTC"),
        ("Monday, 2 January 15:04:05.000 -0700", "Wednesday, 4 March 15:06:07.120 +0000"),
    ],
)
def test_a_time_is_written_as_its_layout_says(layout: str, written: str) -> None:
    assert alertmanager.date(layout, AT) == written


def test_a_time_is_told_in_another_zone_and_by_its_age() -> None:
    assert alertmanager.date("15:04 MST", alertmanager.zone("Europe/Berlin", AT)) == "16:06 CET"
    since = alertmanager.functions(AT.timestamp() + 3661.5)["since"](AT)
    assert (since, strings.show(since)) == (timedelta(seconds=3661.5), "1h1m1.5s")
    with pytest.raises(Misused, match="no time zone"):
        alertmanager.zone("Mars/Base", AT)


def test_a_function_says_what_it_cannot_take() -> None:
    for name, value in (("humanize", "x"), ("toUpper", 5), ("first", []), ("value", 5)):
        with pytest.raises(Misused):
            PROMETHEUS[name](value)
