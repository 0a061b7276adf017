"""The vectorized evaluator equals the exact one for all data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memmon import labels
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql.block import NO_ROW, Block, Roster
from memmon.promql.matcher import Matcher, all_accept
from memmon.promql.query import Query
from memmon.promql.selection import NO_HINT, Hint
from memmon.samples import STALE_NAN, Series
from tests.memmon.promql.memory import Memory

START = 1_000_000


class Rows(Memory):
    """Series in rows of members, as evaluators hold them, and the same one by one."""

    def __init__(self, blocks: list[Block]):
        self.held = blocks
        super().__init__([entry for block in blocks for entry in _apart(block)])

    def blocks(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Block]:
        return [part for block in self.held for part in [_chosen(block, matchers)] if len(part.roster)]


def _apart(block: Block) -> list[Series]:
    results = []
    for at, key in enumerate(block.roster.labels):
        times = block.times[:, block.member[at]]
        arguments = times != NO_ROW
        results.append(Series(key, times[arguments], block.values[arguments, block.place[at]].copy()))
    return results


def _chosen(block: Block, matchers: tuple[Matcher, ...]) -> Block:
    chosen = [at for at, key in enumerate(block.roster.labels) if all_accept(matchers, key)]
    roster = Roster([block.roster.labels[at] for at in chosen])
    return Block(roster, block.times, block.values, block.member[chosen], block.place[chosen])


VALUES = st.one_of(
    st.integers(-3, 30).map(float),
    st.sampled_from([math.nan, math.inf, -math.inf, STALE_NAN, 0.1, 1e300, -1e300, 1e-9]),
)


@st.composite
def sources(draw: st.DrawFn) -> Rows:
    """Up to three members with several series of two metrics and a histogram, over ten minutes with
    gaps, resets and markers.
    """
    members, rows = draw(st.integers(1, 3)), draw(st.integers(1, 24))
    step = draw(st.sampled_from([10_000, 25_000, 60_000]))
    times = (
        START * 1000 + np.arange(rows)[:, None] * step + np.arange(members)[None, :] * draw(st.sampled_from([0, 137]))
    )
    if draw(st.booleans()):
        gaps = draw(st.lists(st.booleans(), min_size=rows * members, max_size=rows * members))
        times[np.array(gaps).reshape(rows, members)] = NO_ROW
    blocks = []
    for name, columns in (("a", _columns("x")), ("b_total", _columns("x")), ("h_bucket", _bounds())):
        keys: list[Labels] = []
        at = []
        for member in range(members):
            for column in columns[: draw(st.integers(1, len(columns)))]:
                keys.append(labels.of(dict(column), __name__=name, instance=f"i{member}"))
                at.append(member)
        style = draw(st.sampled_from(["wild", "counter", "equal"]))
        cells = rows * len(keys)
        if style == "wild":
            flat = np.array(draw(st.lists(VALUES, min_size=cells, max_size=cells)))
            values = flat.reshape(rows, len(keys))
        elif style == "counter":
            steps = draw(st.lists(st.integers(0, 9), min_size=cells, max_size=cells))
            values = np.cumsum(np.array(steps, dtype=float).reshape(rows, len(keys)), axis=0) % 40
        else:
            values = np.full((rows, len(keys)), draw(st.sampled_from([0.1, 3.0])))
        order = np.arange(len(keys))
        blocks.append(Block(Roster(keys), times, np.ascontiguousarray(values), np.array(at), order))
    return Rows(blocks)


def _columns(label: str) -> list[dict[str, str]]:
    return [{label: str(n)} for n in range(3)]


def _bounds() -> list[dict[str, str]]:
    return [{"le": bound} for bound in ("0.5", "1", "2.5", "+Inf")]


SELECTORS = ("a", "b_total", 'a{x="1"}', '{__name__=~"a|b_total"}', "a offset 1m", "a @ 1000300", "nothing", "h_bucket")
RANGED = (
    "rate", "increase", "delta", "irate", "idelta", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time",
    "count_over_time", "last_over_time", "first_over_time", "present_over_time", "changes", "resets", "stddev_over_time",
    "deriv",
)  # fmt: skip
BY_VALUE = ("abs", "ceil", "exp", "ln", "sqrt", "sgn", "round", "-", "timestamp", "sort", "absent", "year")
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "topk(1,", "quantile(0.4,", "bottomk(2,")
GROUPINGS = ("", "by (instance)", "by (x)", "without (x)", "by (instance, le)")
OPERATORS = ("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<= bool", "and", "or", "unless", "atan2")
MATCHINGS = ("", "on (instance)", "ignoring (x)", "on (instance) group_left ()", "on (x) group_right (instance)")


def vectors(depth: int) -> st.SearchStrategy[str]:
    """Expressions that are vectors."""
    spans = st.sampled_from(["30s", "1m", "3m", "7m"])
    leaf = st.one_of(
        st.sampled_from(SELECTORS),
        st.tuples(st.sampled_from(RANGED), st.sampled_from(SELECTORS[:4]), spans).map(
            lambda t: f"{t[0]}({t[1]}[{t[2]}])"
        ),
        spans.map(lambda span: f"histogram_quantile(0.7, rate(h_bucket[{span}]))"),
        st.just("histogram_quantile(0.9, sum by (le) (h_bucket))"),
    )
    if depth == 0:
        return leaf
    below = vectors(depth - 1)
    numbers = st.sampled_from(["2", "-1.5", "NaN", "scalar(a{x='0'})", "time()"])
    return st.one_of(
        leaf,
        st.tuples(st.sampled_from(AGGREGATIONS), st.sampled_from(GROUPINGS), below).map(_aggregation),
        st.tuples(below, st.sampled_from(OPERATORS), st.sampled_from(MATCHINGS), below).map(
            lambda t: f"({t[0]}) {_operator(t[1], t[2])} ({t[3]})"
        ),
        st.tuples(below, st.sampled_from(OPERATORS[:10]), numbers).map(lambda t: f"({t[0]}) {t[1]} {t[2]}"),
        st.tuples(numbers, st.sampled_from(OPERATORS[:10]), below).map(lambda t: f"{t[0]} {t[1]} ({t[2]})"),
        st.tuples(st.sampled_from(BY_VALUE), below).map(lambda t: f"{t[0]}({t[1]})"),
        below.map(lambda inner: f"max_over_time(({inner})[2m:30s])"),
        below.map(lambda inner: f'label_replace({inner}, "x", "$1", "instance", "i(.*)")'),
    )


def _aggregation(pieces: tuple[str, str, str]) -> str:
    op, grouping, inner = pieces
    name, _, parameter = op.partition("(")
    return f"{name} {grouping} ({parameter} {inner})"


def _operator(op: str, matching: str) -> str:
    if op in ("and", "or", "unless"):
        matching = matching.split(" group_")[0]
    return f"{op} {matching}"


def answer(expr: str, source: Memory, exact: bool, steps: int) -> object:
    """Return what an evaluator comes to: by label set the times and values, or the error."""
    start, end = START + 200.0, START + 200.0 + 45 * (steps - 1)
    query = Query(expr, source, start, end, exact=exact)
    try:
        if steps == 1:
            results = [(point.labels, [start], [point.value]) for point in query.instant(start)]
        else:
            results = [(step.labels, step.times.tolist(), step.values.tolist()) for step in query.steps(45)]
    except BadQuery as error:
        return str(error).split(":")[0]
    return {key: (times, values) for key, times, values in results}, query.notes.warnings, sorted(query.notes.infos)


def agree(a: object, b: object) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    (entry, *notes), (other, *other_rows) = a, b  # type: ignore[misc]
    if notes != other_rows or entry.keys() != other.keys():
        return False
    return all(
        entry[key][0] == other[key][0]
        and np.allclose(entry[key][1], other[key][1], rtol=1e-9, atol=1e-12, equal_nan=True)
        for key in entry
    )


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(sources(), vectors(2), st.sampled_from([1, 4]))
def test_kernels_come_to_what_the_exact_evaluator_comes_to(source: Rows, expr: str, steps: int) -> None:
    exact, fast = answer(expr, source, True, steps), answer(expr, source, False, steps)
    assert agree(exact, fast), f"{expr}: exact {exact}, kernels {fast}"


def test_a_cancelling_sum_is_exact() -> None:
    rows = [[1e100, 1.0, -1e100]]
    keys = [labels.of(__name__="a", x=str(n)) for n in range(3)]
    block = Block(Roster(keys), np.array([[START * 1000]]), np.array(rows), np.zeros(3, dtype=np.intp), np.arange(3))
    [point] = Query("sum(a)", Rows([block]), START, START).instant(START)
    assert point.value == 1.0


def test_a_long_query_is_done_in_turns_that_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    times = np.arange(200, dtype=np.int64) * 10_000 + START * 1000
    source = Memory([Series(labels.of(__name__="a", x=str(n)), times, np.arange(200.0) * n) for n in range(3)])
    expr = "sum(rate(a[1m])) + time()"
    whole = Query(expr, source, START, START + 2000).steps(10)
    monkeypatch.setattr("memmon.promql.vectorized.batches.MOST_STEPS", 7)
    [pieces] = Query(expr, source, START, START + 2000).steps(10)
    assert pieces.times.tolist() == whole[0].times.tolist()
    assert pieces.values.tolist() == whole[0].values.tolist()
