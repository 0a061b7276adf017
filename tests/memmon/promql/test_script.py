"""The format of Prometheus' test scripts."""

from __future__ import annotations

import math

import pytest

from memmon import labels
from memmon.errors import BadInput
from memmon.promql import script
from memmon.samples import is_stale


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2.5 -3e2", [1, 2.5, -300]),
        ("1x2", [1, 1, 1]),
        ("0+10x3", [0, 10, 20, 30]),
        ("5-2x2", [5, 3, 1]),
        ("-1+1x2", [-1, 0, 1]),
        ("1 _ 2 _x2 3", [1, None, 2, None, None, 3]),
        ("0x8", [0] * 9),
        ("Inf -Inf", [math.inf, -math.inf]),
    ],
)
def test_values_are_written_out(text: str, expected: list[float | None]) -> None:
    assert script.values(text) == expected


def test_not_a_number_and_staleness_are_two_things() -> None:
    nan, stale = script.values("NaN stale")
    assert nan is not None
    assert stale is not None
    assert math.isnan(nan)
    assert not is_stale(nan)
    assert is_stale(stale)


def test_a_script_is_loads_and_questions() -> None:
    text = """
load 30s
  a{x="1", y="two, \\"three\\""} 0+1x2
  {"utf8.name", z="9"} 7
# a comment
eval instant at 1m sum(a)
  expect warn msg: something
  {} 2

eval range from 0 to 1m step 30s a
  a{x="1"} 0 _ 2

clear
"""
    load, instant, over, clear = script.read(text)
    assert isinstance(load, script.LoadCommand)
    assert [series.labels for series in load.series] == [
        labels.of(__name__="a", x="1", y='two, "three"'),
        labels.of(__name__="utf8.name", z="9"),
    ]
    assert load.series[0].times.tolist() == [0, 30_000, 60_000]
    assert isinstance(instant, script.Eval)
    assert (instant.expr, instant.steps.start, instant.is_range) == ("sum(a)", 60_000, False)
    assert instant.expected.warns == [script.Said("something")]
    assert isinstance(over, script.Eval)
    assert over.steps == (0, 60_000, 30_000)
    assert over.expected.rows == [(labels.of(__name__="a", x="1"), [0.0, None, 2.0])]
    assert clear == script.Clear()


@pytest.mark.parametrize(
    "text", ["nonsense", "eval instant at 1m", "load 1m\n  a{x= 1", "eval instant at 1m a\n  a one"]
)
def test_what_is_no_script_is_named_with_its_line(text: str) -> None:
    with pytest.raises(BadInput, match="line 1"):
        list(script.read(text))


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [(1, 1 + 1e-7, True), (1, 1.1, False), (0, 1e-12, False), (math.nan, math.nan, True), (math.inf, 1, False)],
)
def test_values_agree_within_a_millionth_and_zero_is_zero(a: float, b: float, same: bool) -> None:
    assert script.is_same(a, b) is same
