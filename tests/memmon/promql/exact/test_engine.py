"""The evaluator over a few series held in memory."""

import math

import numpy as np
import pytest

from memmon import labels
from memmon.errors import BadQuery
from memmon.promql.query import Query
from memmon.samples import STALE_NAN, Series
from tests.memmon.promql.memory import Memory


class Ticks(Memory):
    """A source with samples every ten seconds from 0 on."""

    def __init__(self, **series: list[float]):
        super().__init__()
        for notation, values in series.items():
            name, _, remainder = notation.partition("__")
            pairs = dict(pair.split("_") for pair in remainder.split("__")) if remainder else {}
            times = np.arange(len(values), dtype=np.int64) * 10_000
            self.series.append(Series(labels.of(pairs | {"__name__": name}), times, np.array(values, dtype=float)))


def ask(expr: str, at: float = 60, **series: list[float]) -> dict[str, float]:
    points = Query(expr, Ticks(**series), at, at).instant(at)
    return {labels.show(point.labels): point.value for point in points}


UP = {"up__job_a": [1] * 10, "up__job_b": [0] * 10}


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("up == 0", {'up{job="b"}': 0}),
        ("up == bool 0", {'{job="a"}': 0, '{job="b"}': 1}),
        ('up{job=~"a|x"}', {'up{job="a"}': 1}),
        ("sum(up)", {"{}": 1}),
        ("count by (job) (up)", {'{job="a"}': 1, '{job="b"}': 1}),
        ("up and on(job) (up == 1)", {'up{job="a"}': 1}),
        ("up unless (up == 1)", {'up{job="b"}': 0}),
        ("up == 5 or vector(3)", {"{}": 3}),
        ("up / up", {'{job="a"}': 1, '{job="b"}': math.nan}),
        ("1 - up", {'{job="a"}': 0, '{job="b"}': 1}),
        ("absent(nothing{job='x'})", {'{job="x"}': 1}),
        ("absent(up)", {}),
        ("scalar(sum(up)) + 1", {"{}": 2}),
        ("up offset 5m", {}),
        ("time()", {"{}": 60}),
        ("clamp_max(up, 0.5)", {'{job="a"}': 0.5, '{job="b"}': 0}),
        ("topk(1, up)", {'up{job="a"}': 1}),
        ('label_replace(up{job="a"}, "x", "<$1>", "job", "(.*)")', {'up{job="a",x="<a>"}': 1}),
    ],
)
def test_an_expression_has_the_value_that_prometheus_gives_it(expr: str, expected: dict[str, float]) -> None:
    actual = ask(expr, **UP)
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert actual[key] == pytest.approx(value, nan_ok=True)


def test_rate_stretches_to_the_ends_of_its_window_and_survives_a_reset() -> None:
    assert ask("rate(c[1m])", c=[0, 10, 20, 30, 40, 50, 60]) == {"{}": pytest.approx(1)}
    assert ask("increase(c[1m])", c=[0, 10, 20, 5, 15, 25, 35])["{}"] == pytest.approx(
        (20 + 5 + 30 - 10) * 60 / 50, rel=0.1
    )


def test_windows_are_open_on_their_left() -> None:
    assert ask("count_over_time(c[1m])", c=[1] * 7) == {"{}": 6}


def test_functions_over_time_look_at_the_samples_of_the_window() -> None:
    values = [9, 1, 2, 3, 4, 5, 6]
    assert ask("avg_over_time(c[1m])", c=values) == {"{}": 3.5}
    assert ask("max_over_time(c[30s])", c=values) == {"{}": 6}
    assert ask("min_over_time(c[30s])", c=values) == {"{}": 4}
    assert ask("max_over_time(sum(c)[1m:10s])", c=values) == {"{}": 6}


def test_a_stale_series_is_gone_at_once_and_an_old_one_after_five_minutes() -> None:
    assert ask("c", c=[1, 2, 3, 4, 5, 6, STALE_NAN]) == {}
    assert ask("c", at=309, c=[1, 2]) == {"c": 2}
    assert ask("c", at=310, c=[1, 2]) == {}


def test_a_quantile_is_interpolated_in_its_bucket() -> None:
    buckets = {"h__le_1": [0, 50], "h__le_2": [0, 100], "h__le_+Inf": [0, 100]}
    assert ask("histogram_quantile(0.75, h)", at=10, **buckets) == {"{}": pytest.approx(1.5)}
    assert math.isnan(ask("histogram_quantile(0.75, h)", at=0, **buckets)["{}"])


def test_many_to_one_takes_labels_of_the_one_side() -> None:
    actual = ask("m * on(job) group_left(v) i", m__job_a__x_1=[2] * 9, m__job_a__x_2=[3] * 9, i__job_a__v_7=[1] * 9)
    assert actual == {'{job="a",v="7",x="1"}': 2, '{job="a",v="7",x="2"}': 3}


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("up{", "parse error"),
        ("", "no expression"),
        ("(" * 50_000 + "1" + ")" * 50_000, "longer than"),
        ("(" * 200 + "1" + ")" * 200, "nested deeper"),
        ("-" * 200 + "1", "nested deeper"),
        ("1" + "+1" * 3000, "more than"),
        ('up{job=~"' + "a" * 5000 + '"}', "longer than"),
        ('up{job=~"("}', "parse error|invalid regular expression"),
        ("up[5m]", "range vector"),
        ("up + on(nothing) up", "duplicate"),
        ("no_such_function(up)", "parse error"),
        ("max_over_time(up[1y:1ms])", "steps"),
        ('{job!="x"}', "parse error|non-empty"),
        ("histogram_count(up)", "histogram_count"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(expr: str, reason: str) -> None:
    with pytest.raises(BadQuery, match=reason):
        ask(expr, **UP)


def test_a_hostile_pattern_is_matched_in_linear_time() -> None:
    assert ask('up{job!~"(a*)*b"}', **{"up__job_" + "a" * 3000: [1] * 9}) != {}


def test_a_query_out_of_time_is_a_timeout() -> None:
    with pytest.raises(BadQuery) as caught:
        Query("up", Ticks(**UP), 0, 0, expired=lambda: True).instant(0)
    assert caught.value.kind == "timeout"
