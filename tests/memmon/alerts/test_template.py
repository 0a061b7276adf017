from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmon import labels as label_sets
from memmon.alerts import template
from memmon.alerts.template import Outside
from memmon.errors import BadTemplate
from memmon.samples import Point

ROWS = [
    Point(label_sets.of(__name__="x", instance="b"), 2.0),
    Point(label_sets.of(__name__="x", instance="a"), 1.0),
]
OUTSIDE = Outside("http://m/base", lambda expr: ROWS if expr == "x" else [])


@pytest.mark.parametrize(
    ("text", "value", "body"),
    [
        ("plain", 1, "plain"),
        ("{{ $value }}", 95.5, "95.5"),
        ("{{ .Value }}", 1234567.0, "1.234567e+06"),
        ("a {{- $value -}} b", 1.0, "a1b"),
        ("{{ $labels.instance }} and {{ .Labels.job }}{{ $labels.none }}", 1, "a:1 and m"),
        ('{{ $value | printf "%.2f" }}', 0.456, "0.46"),
        ('{{ printf "%.1f%% of all" $value }}', 80.44, "80.4% of all"),
        ("{{ if gt $value 90.0 }}very {{ else if gt $value 80.0 }}quite {{ end }}hot", 85.0, "quite hot"),
        ("{{ with $labels.none }}{{ . }}{{ else }}nobody{{ end }}", 1, "nobody"),
        ("{{ range $name, $value := $labels }}{{ $name }}={{ $value }};{{ end }}", 1, "instance=a:1;job=m;"),
        ('{{ with query "x" }}{{ . | first | value }} {{ . | first | label "instance" }}{{ end }}', 1, "2 b"),
        ('{{ range query "x" | sortByLabel "instance" }}{{ .Labels.instance }}:{{ .Value }} {{ end }}', 1, "a:1 b:2 "),
        ('{{ len (query "y") }}', 1, "0"),
        ("{{ externalURL }} {{ pathPrefix }} {{ $externalURL }}", 1, "http://m/base /base http://m/base"),
        ('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" $labels.job }}', 1, "<m>"),
        ("{{ $labels.instance | stripPort | toUpper }}", 1, "A"),
        ('{{ reReplaceAll "(.*):(.*)" "$2 on $1" $labels.instance }}', 1, "1 on a"),
        ("{{ $value | humanize }}", 1234567, "1.235M"),
        ("{{ $value | humanizePercentage }}", 0.8512, "85.12%"),
        ("{{ $value | humanizeDuration }}", 90061, "1d 1h 1m 1s"),
        ("{{ $value | humanizeTimestamp }}", 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
    ],
)
def test_what_annotations_use_is_filled_in(text: str, value: float, body: str) -> None:
    template.check(text)
    assert template.render(text, {"instance": "a:1", "job": "m"}, value, OUTSIDE) == body


@pytest.mark.parametrize("text", ["{{ $value }}", '{{ $value | printf "%.2f" }}', "{{ $value | humanize }}"])
@pytest.mark.parametrize(("value", "body"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")])
def test_what_is_no_finite_number_is_named(text: str, value: float, body: str) -> None:
    assert template.render(text, {}, value) == body


def test_the_text_of_a_label_is_never_taken_for_a_template() -> None:
    assert template.render("{{ $labels.a }}", {"a": "{{ $value }}"}, 7) == "{{ $value }}"


def test_a_template_that_fails_with_one_alert_says_so_in_its_place() -> None:
    render = template.render('ok\n{{ query "y" | first | value }}', {}, 1, OUTSIDE)
    assert render == "<error expanding template: template line 2: first: first() called on vector with no elements>"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\n{{ .Secret }}", "line 2: .Secret is not one of"),
        ("{{ $value | lookup }}", "'lookup' is not known"),
        ("{{ $nobody }}", r"variable \$nobody is not defined"),
        ("{{ if $value }}", "an {{end}} is missing"),
        ("{{ }}", "a value is missing"),
        ("\n\n{{ $value ", "line 3: an action is not closed"),
        ("{{ call $value }}", "'call' is not known"),
    ],
)
def test_what_is_not_supported_is_refused_at_load_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(BadTemplate, match=reason):
        template.check(text)


@given(st.text(alphabet='{}-| $.()"abvalue1:=', max_size=60))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    try:
        template.check(text)
    except BadTemplate:
        return
    assert isinstance(template.render(text, {"a": "1"}, 1.0), str)
