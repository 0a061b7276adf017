"""Every text is parsed or raises BadQuery, quickly, and every parsed tree can be evaluated."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memmon import labels
from memmon.errors import BadQuery
from memmon.promql import literals, parser
from memmon.promql.query import Query
from memmon.samples import STALE_NAN, Series
from tests.memmon.promql.memory import Memory

SECONDS = 1.0
VALUES = np.array([1.0, 2.0, np.nan, 1.0, STALE_NAN, np.inf, -3.0, 5.0, 5.0, 0.0])
SERIES = Memory(
    Series(labels.of(__name__=name, le=le, job=job), np.arange(10, dtype=np.int64) * 30_000, VALUES)
    for name in ("up", "x_total")
    for le, job in (("1", "a"), ("+Inf", "a"), ("oops", "b"))
)

TOKENS = """( ) [ ] { } , = != =~ !~ == > < >= <= + - * / % ^ @ : ; . # ` " ' \\ $ $1 § · é \u202e \x00 \ud800 \n
0 1 5 -1 .5 1e3 1e999 0x1f inf nan 1_0 5m 1h30m 1ms 0s 99999999999y up x_total job le a "a" 'b' `c` "\\xff" ".*" "(a*)*b" "$1$1"
by without on ignoring group_left group_right bool offset and or unless atan2 start() end() start end fill anchored smoothed
sum avg min max count topk bottomk quantile count_values limitk stddev group rate increase irate deriv predict_linear
histogram_quantile histogram_fraction label_replace label_join absent absent_over_time scalar vector time timestamp sort
sort_desc clamp round minute year info step range quantile_over_time changes last_over_time histogram_count"""
SOUP = st.lists(st.sampled_from([*TOKENS.split(), " ", "\n"]), max_size=40).flatmap(
    lambda words: st.sampled_from(["", " "]).map(lambda glue: glue.join(words))
)

LEGAL = [
    'sum by (job) (rate(x_total{job=~"a|b"}[1m])) / on (job) group_left (le) up{le=~"1|oops"} > bool 0.5',
    "histogram_quantile(0.9, sum by (le, job) (rate(x_total[2m:30s] offset 1m)))",
    'label_replace(up @ end(), "dst", "$1-${2}", "job", "(a)(b)?") or vector(time()) unless on () absent(nothing)',
    "quantile_over_time(0.5, (up - x_total)[5m:10s] @ -30) ^ 2 ^ -1 % 3 atan2 1e3",
    'topk(2, {"up", job!=""}) without (le) and count_values("v", up == 1)',
    "predict_linear(up[5m], 3600) * ignoring(job, le) group_right () avg(up offset -5m) # end",
    "-scalar(sum(up)) + minute() - sgn(deriv(x_total[1h])) == bool absent_over_time(up[1m:])",
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A legal expression with a few pieces cut out, doubled or put elsewhere."""
    text = draw(st.sampled_from(LEGAL))
    for _ in range(draw(st.integers(1, 4))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        other = draw(st.integers(0, len(text)))
        piece = draw(st.sampled_from([text[first:last], "", *TOKENS.split()]))
        text = text[:first] + piece + text[draw(st.sampled_from([first, last, other])) :]
    return text[: parser.MAX_LENGTH + 1]


def judged(text: str) -> None:
    for exact in (True, False):
        began = time.perf_counter()
        output = refusal(text, exact, began + SECONDS / 2)
        output.encode()  # It goes out as it is.
        assert time.perf_counter() - began < SECONDS


def refusal(text: str, exact: bool, deadline: float) -> str:
    """Evaluate `text`; return the error, or nothing."""
    try:
        Query(text, SERIES, 240, 300, expired=lambda: time.perf_counter() > deadline, exact=exact).value(270)
    except BadQuery as error:
        return str(error)
    return ""


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(SOUP)
@example("up{" * 100)
@example("sum(" * 49 + "up" + ")" * 49)
@example("up @ 1e10 offset 1e10")
@example('{__name__=~".+", job=~"' + "(a|b){1,9}" * 90 + '"}')
def test_token_soup_is_a_tree_or_a_bad_query(text: str) -> None:
    judged(text)


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_a_damaged_expression_is_a_tree_or_a_bad_query(text: str) -> None:
    judged(text)


def test_the_undamaged_ones_are_answered() -> None:
    for text in LEGAL:
        Query(text, SERIES, 240, 300, exact=True).value(270)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_can_stand_in_quotes(text: str) -> None:
    literal = literals.quoted(text)
    assert Query(literal, SERIES, 0, 0, exact=True).value(0) == text
