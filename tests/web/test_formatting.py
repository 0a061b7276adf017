from __future__ import annotations

import pytest

from web import formatting


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "number", "–"),
        (float("nan"), "number", "–"),
        (3.0, "number", "3"),
        (2.419, "number", "2.42"),
        (92.88, "number", "92.9"),
        (1234.0, "number", "1234"),
        (1234567.0, "number", "1 234 567"),
        (81.234, "percent", "81.2 %"),
        (0.61, "ratio", "61 %"),
        (0.4, "score", "0.40"),
        (1.5, "seconds", "1.50 s"),
        (0.0, "seconds", "0 s"),
        (0.0123, "seconds", "12.3 ms"),
        (0.0000042, "seconds", "4.20 µs"),
        (150.0, "seconds", "2 min"),
        (5 * 1024**2, "bytes", "5 MiB"),
        (322.0, "rate", "322 /s"),
    ],
)
def test_a_number_is_worded_with_its_unit(value: float | None, unit: str, text: str) -> None:
    assert formatting.format_number(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (-3, "0 s"),
        (42, "42 s"),
        (1260, "21 min"),
        (7200, "2 h"),
        (11400, "3 h 10 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_a_length_of_time_has_its_largest_units(seconds: float | None, text: str) -> None:
    assert formatting.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("now", "text"), [(0.0, "03:42"), (221.5, "00:01"), (222.0, "now"), (500.0, "now"), (-3600.0, "1:03:42")]
)
def test_a_countdown_runs_to_now(now: float, text: str) -> None:
    assert formatting.format_countdown("1970-01-01T00:03:42Z", now) == text


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("memmimic_memory_usage_percent > 80", "percent"),
        ("histogram_quantile(0.95, rate(memmimic_db_query_duration_seconds_bucket[5m])) > 1", "seconds"),
        ("memmimic_cache_hit_rate < 0.85", "ratio"),
        ("memmimic_health_score < 0.5", "score"),
        ("increase(memmimic_errors_total[5m]) > 10", "number"),
    ],
)
def test_an_expression_tells_its_unit(expr: str, unit: str) -> None:
    assert formatting.infer_unit(expr) == unit


@pytest.mark.parametrize(
    ("arguments", "link"),
    [
        ("docs/runbook.md#errors", "/runbook#errors"),
        ("https://wiki.example/x", "https://wiki.example/x"),
        ("javascript:alert(1)", None),
        ("//evil.example/x", None),
        ("/logout", None),
        ("http://[", None),
        (None, None),
    ],
)
def test_only_the_web_and_the_own_runbook_are_linked(arguments: str | None, link: str | None) -> None:
    assert formatting.runbook_link(arguments) == link


def test_a_parameter_is_told_in_words() -> None:
    assert formatting.format_value(["alerts", "log"]) == "alerts, log"
    assert formatting.format_value({"limit": 3, "of": ["a", "b"]}) == "limit 3, of a, b"
    assert formatting.format_value(3600) == "3600"
