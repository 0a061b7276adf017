"""Expressions that would hurt the process cost their caller an error, soon."""

import time

import numpy as np
import pytest

from memmon import labels
from memmon.errors import BadQuery
from memmon.promql import parser, selection
from memmon.promql.query import Query
from memmon.samples import Series
from tests.memmon.promql.memory import Memory

ONE = Series(labels.of(__name__="up", a="xx"), np.array([0], dtype=np.int64), np.array([1.0]))
DOUBLED = '"a", "$1$1", "a", "(.*)"'


def ask(expr: str) -> object:
    return Query(expr, Memory([ONE]), 0, 0).value(0)


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("(" * 50_000 + "1" + ")" * 50_000, "longer than"),
        ("(" * 4_900 + "1" + ")" * 4_900, "more than"),
        ("(" * 900 + "1" + ")" * 900, "nested deeper"),
        ('1 #"\n + ' + "(" * 900 + "1" + ")" * 900 + '#"', "nested deeper"),
        ("1 #`\n + " + "-" * 900 + "1 #`", "nested deeper"),
        ('"#" + ' + "(" * 100, "nested deeper"),
        ("+".join(["1"] * 4_900), "more than"),
        ("^".join(["1"] * 900), "nested deeper"),
        (" or ".join(["up"] * 900), "nested deeper"),
        ("up @ 1e300", "out of bounds"),
        ("up @ -9999999999999", "out of bounds"),
        ("up @ 200000000001", "out of bounds"),
        ("up[0]", "greater than 0"),
        ("up[5m:0]", "greater than 0"),
        ("up[999999999y]", "parse error"),
        ("up offset 99999999999999999999y", "parse error"),
        ("up\0", "parse error"),
        ("\ud800", "not UTF-8"),
        ('"\\xff"', "no UTF-8"),
        ('"\\q"', "invalid syntax"),
        ("\u00a71", "unexpected character"),
        ('up{a=~"' + "x" * 9_900 + '"}', "longer than 1000"),
        ('up{a=~"' + "|".join(f"a{i}" for i in range(1_500)) + '"}', "longer than 1000"),
        ('up{a=~"((a{1,100}){1,10}){1,10}"}', "invalid regular expression"),
        ('up{a=~"(?=x)"}', "invalid regular expression"),
        ('label_replace(up, "a", "b", "a", "(")', r"invalid regular expression in label_replace\(\): \("),
        ("label_replace(" * 40 + "up" + f", {DOUBLED})" * 40, "longer than 65536"),
        ('label_join(up, "a", "' + "x" * 4000 + '"' + ', "a"' * 20 + ")", "longer than 65536"),
        ('label_join(up, "", "", "a")', r"invalid destination label name in label_join\(\): "),
        ('label_join(up, "a", "", "")', r"invalid source label name in label_join\(\): "),
        ('count_values("", up)', 'invalid label name ""'),
        ("topk(1/0, up)", r"Scalar value \+Inf overflows int64"),
        ("bottomk(-1e300, up)", r"Scalar value -1e\+300 underflows int64"),
        ("up[100y:1s]", "steps"),
    ],
)
def test_it_is_refused_and_says_why(expr: str, reason: str) -> None:
    began = time.perf_counter()
    with pytest.raises(BadQuery, match=reason):
        ask(expr)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "expr",
    [
        "-" * 49 + "up",  # Twice the work for each sign would never end.
        "+".join(["up"] * 150),
        "minute(vector(1e300))",
        "year(vector(NaN))",
        "round(up, 0)",
        "up % 0",
        "up ^ 1e308 ^ 1e308",
        "exp(vector(1e9))",
        "quantile(NaN, up)",
        "histogram_quantile(0.5, up)",
        "up # a comment with (((((",
        'up{a="((((((((((((((((((((((((((((((((((((((((((((((((((((((((("}',
        "stddev(up) / 0",
        "deriv(up[5m])",
        "predict_linear(up[5m], 1e300)",
    ],
)
def test_odd_but_legal_ones_are_answered_quickly(expr: str) -> None:
    began = time.perf_counter()
    ask(expr)
    assert time.perf_counter() - began < 2


def test_what_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MAX_SAMPLES", 500)
    with pytest.raises(BadQuery, match="too many samples"):
        ask("count_over_time(vector(1)[10m:1s])")
    with pytest.raises(BadQuery, match="too many samples"):
        Query("vector(1)", Memory([ONE]), 0, 600).steps(1)


def test_a_tree_is_parsed_once() -> None:
    assert parser.parse("sum(rate(up[5m])) > 1") is parser.parse("sum(rate(up[5m])) > 1")


def test_a_selector_is_nothing_more() -> None:
    assert [str(entry) for entry in parser.selector('up{job=~"a|b"}')] == ['__name__="up"', 'job=~"a|b"']
    for text in ("up[5m]", "up offset 5m", "up @ 3", "sum(up)", "1"):
        with pytest.raises(BadQuery, match="not a selector"):
            parser.selector(text)
