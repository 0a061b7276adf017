from __future__ import annotations

import math

import pytest

from memmon.alerts import template
from memmon.errors import BadConfig


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("plain", 1, "plain"),
        ("{{ $value }}", 95.5, "95.5"),
        ("{{ .Value }}", 95.5, "95.5"),
        ("{{- $value -}}", 1, "1"),
        ("{{ $labels.instance }} and {{ .Labels.job }}{{ $labels.none }}", 1, "a:1 and m"),
        ('{{ $value | printf "%.2f" }}', 0.456, "0.46"),
        ('{{ printf "%.0f" $value }}', 80.4, "80"),
        ('{{ $value | printf "%d" }}', 80.9, "80"),
        ('{{ $labels.job | printf "%s!" }}', 1, "m!"),
        ('{{ printf "%.1f%% of all" $value }}', 80.44, "80.4% of all"),
        ("{{ $value | humanize }}", 1234567, "1.235M"),
        ("{{ humanize $value }}", 12, "12"),
        ("{{ $value | humanize }}", 0.25, "250m"),
        ("{{ $value | humanize }}", 1e-16, "0.0001p"),
        ("{{ $value | humanize }}", 0, "0"),
        ("{{ $value | humanizePercentage }}", 0.8512, "85.12%"),
        ("{{ $value | humanizeDuration }}", 0.5, "500ms"),
        ("{{ $value | humanizeDuration }}", 59.5, "59.5s"),
        ("{{ $value | humanizeDuration }}", 90061, "1d 1h 1m 1s"),
        ("{{ $value | humanizeDuration }}", -3600, "-1h 0m 0s"),
    ],
)
def test_what_annotations_use_is_filled_in(text: str, value: float, shown: str) -> None:
    assert template.render(text, {"instance": "a:1", "job": "m"}, value) == shown


@pytest.mark.parametrize(
    "text",
    [
        "{{ $value }}",
        '{{ $value | printf "%.2f" }}',
        '{{ $value | printf "%d" }}',
        '{{ $value | printf "%s" }}',
        "{{ $value | humanize }}",
        "{{ $value | humanizeDuration }}",
    ],
)
@pytest.mark.parametrize(("value", "shown"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")])
def test_what_is_no_finite_number_is_named(text: str, value: float, shown: str) -> None:
    assert template.render(text, {}, value) == shown


def test_a_label_that_is_no_number_does_not_break_a_number_format() -> None:
    assert template.render('{{ $labels.job | printf "%.1f" }}', {"job": "m"}, 1) == "NaN"


def test_the_text_of_a_label_is_never_taken_for_a_template() -> None:
    assert template.render("{{ $labels.a }}", {"a": "{{ $value }}"}, 7) == "{{ $value }}"


@pytest.mark.parametrize(
    "text", ["{{ .Secret }}", "{{ $value | reReplaceAll }}", "{{ query }}", '{{ printf "%x" $value }}', "{{ }}"]
)
def test_anything_else_is_refused_at_load(text: str) -> None:
    with pytest.raises(BadConfig, match="is not supported"):
        template.check(text)
