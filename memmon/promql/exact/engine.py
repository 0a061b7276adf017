"""The reference evaluator: one instant at a time, exact before fast.

A value of an expression is a number, a text, an instant vector (list of Point) or a range vector
(list of Ranged).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import tree
from memmon.promql.annotations import Notes
from memmon.promql.exact import aggregation, binary, calls
from memmon.promql.exact.binary import nameless
from memmon.promql.exact.ranges import Window
from memmon.promql.exact.values import Ranged, Value
from memmon.promql.selection import NO_HINT, Hint, SelectedSeries, Selection, Source
from memmon.samples import STALE_BITS, Point

LOOKBACK_MS = 5 * 60 * 1000
DEFAULT_STEP = 60.0
"""Seconds between two steps of a subquery that names none."""
MAX_STEPS = 11_000


class Exact:
    """Evaluates one expression over one source. `start` and `end` bound every step of it, `step` is
    between two of them (seconds; 0 for an instant query).
    """

    def __init__(
        self,
        root: tree.Node,
        source: Source,
        bounds: tuple[float, float],
        notes: Notes,
        step: float = 0.0,
        expired: Callable[[], bool] = lambda: False,
    ):
        self.tree, self.notes = root, notes
        self.start, self.end = bounds
        self.step = step
        self.expired = expired
        self.given: dict[int, Callable[[float], Value]] = {}
        self.selection = Selection(source)
        self._hints = _hints(root, round(step * 1000))
        self._spans: dict[int, tuple[float, float]] = {}
        self._look(root, self.start, self.end)
        self._nested = 0  # In how many subqueries the evaluation is right now.

    @property
    def is_range(self) -> bool:
        """True while evaluating one of several steps, whose results are joined by their labels."""
        return self.start != self.end or self._nested > 0

    def value(self, at: float) -> Value:
        """Return what the expression is at `at`."""
        value = self.eval(self.tree, float(at))
        if isinstance(value, list) and value and isinstance(value[0], Point):
            binary.refuse_duplicates(_points(value))
        return value

    def eval(self, node: tree.Node, at: float) -> Value:
        """Return what `node` is at `at`."""
        if self.expired():
            raise BadQuery("query timed out in expression evaluation", "timeout")
        if id(node) in self.given:
            return self.given[id(node)](at)
        return self.apply(node, at)

    def apply(self, node: tree.Node, at: float) -> Value:
        """Evaluate `node` at `at`. `given` holds the values of some children, by node id."""
        value = _HANDLERS[type(node)](self, node, at)
        if isinstance(node, RENAMING) and isinstance(value, list) and len(value) > 1:
            binary.refuse_duplicates(as_points(value))
        return value

    def scalar(self, node: tree.Node, at: float) -> float:
        """Return the scalar that `node` is."""
        value = self.eval(node, at)
        if not isinstance(value, float):
            raise BadQuery("a scalar is expected here")
        return value

    def text(self, node: tree.Node, at: float) -> str:
        """Return the text that `node` is."""
        value = self.eval(node, at)
        if not isinstance(value, str):
            raise BadQuery("a text is expected here")
        return value

    def vector(self, node: tree.Node, at: float) -> list[Point]:
        """Return the instant vector that `node` is."""
        value = self.eval(node, at)
        if not isinstance(value, list):
            raise BadQuery("an instant vector is expected here")
        return _points(value)

    def ranged(self, node: tree.Node, at: float) -> list[Ranged]:
        """Return the range vector that `node` is."""
        value = self.eval(node, at)
        if not isinstance(value, list) or (value and not isinstance(value[0], Ranged)):
            raise BadQuery("a range vector is expected here, such as metric[5m]")
        return value  # type: ignore[return-value]

    def _negation(self, node: tree.Negation, at: float) -> Value:
        value = self.eval(node.expr, at)
        if isinstance(value, float):
            return -value
        if isinstance(value, str):
            raise BadQuery("a text has no sign")
        return [nameless(point.labels, -point.value) for point in _points(value)]

    def _selector(self, node: tree.Selector, at: float) -> list[Point]:
        return [Point(series.labels, float(series.values[index])) for series, index in self.newest(node, at)]

    def newest(self, node: tree.Selector, at: float) -> list[tuple[SelectedSeries, int]]:
        """Return the series of `node` with the index of the sample that counts at `at`."""
        moment = round(self.moment(node, at) * 1000)
        rows = []
        for series in self.series(node, LOOKBACK_MS):
            index = int(series.times.searchsorted(moment, side="right")) - 1
            if index < 0 or series.times[index] <= moment - LOOKBACK_MS:
                continue
            if series.values[index : index + 1].view(np.uint64)[0] != STALE_BITS:
                rows.append((series, index))
        return rows

    def _matrix(self, node: tree.Matrix, at: float) -> list[Ranged]:
        end = self.moment(node.selector, at)
        start = end - node.span
        bounds = np.array((round(start * 1000), round(end * 1000)), dtype=np.int64)
        rows = []
        for series in self.series(node.selector, round(node.span * 1000)):
            low, high = series.real_times.searchsorted(bounds, side="right")
            if low < high:
                window = Window(series.real_seconds[low:high], series.real_values[low:high], start, end)
                rows.append(Ranged(series.labels, window))
        return rows

    def _subquery(self, node: tree.Subquery, at: float) -> list[Ranged]:
        step, end = round((node.step or DEFAULT_STEP) * 1000), round(self.moment(node, at) * 1000)
        start = end - round(node.span * 1000)
        if (end - start) / step > MAX_STEPS:
            raise BadQuery(f"subquery with more than {MAX_STEPS} steps", "execution")
        collected: dict[Labels, tuple[array[float], array[float]]] = {}
        self._nested += 1
        for ms in range((start // step + 1) * step, end + 1, step):
            moment = ms / 1000
            points = self.vector(node.expr, moment)
            self.selection.charge(len(points))
            for point in points:
                times, values = collected.setdefault(point.labels, (array("d"), array("d")))
                times.append(moment)
                values.append(point.value)
        self._nested -= 1
        return [
            Ranged(key, Window(np.array(times), np.array(values), start / 1000, end / 1000))
            for key, (times, values) in collected.items()
        ]

    def moment(self, node: tree.Selector | tree.Subquery, at: float) -> float:
        """Return the end of what `node` looks at, its `@` and offset minded."""
        if node.at is not None:
            at = {"start": self.start, "end": self.end}[node.at] if isinstance(node.at, str) else node.at
        return at - node.offset

    def series(self, node: tree.Selector, before: int) -> list[SelectedSeries]:
        """Return the series of `node` with samples from `before` ms ahead of its first
        evaluation.
        """
        return self.selection.series(node, before, lambda: self.bounds(node), self.hint(node))

    def hint(self, node: tree.Selector) -> Hint:
        """Return what the series of `node` are read for."""
        return self._hints.get(id(node), NO_HINT)

    def bounds(self, node: tree.Selector) -> tuple[int, int]:
        """Return the first and the last evaluation time (Unix ms) of `node`."""
        first, last = self._spans[id(node)]
        return round(first * 1000), round(last * 1000)

    def _look(self, node: tree.Node, first: float, last: float) -> None:
        """Record the evaluation times of each selector below `node`, which is evaluated from
        `first` to `last`.
        """
        if isinstance(node, tree.Selector | tree.Subquery):
            ends = (self.moment(node, first), self.moment(node, last))
            first, last = min(ends), max(ends)
        if isinstance(node, tree.Selector):
            self._spans[id(node)] = (first, last)
        if isinstance(node, tree.Subquery):
            first -= node.span
        for child in tree.children(node):
            self._look(child, first, last)

    def _aggregation(self, node: tree.Aggregation, at: float) -> list[Point]:
        points = self.vector(node.expr, at)
        if node.op in aggregation.SIMPLE:
            return aggregation.simple(node.op, points, node.grouping)
        if node.param is None or node.op not in aggregation.WITH_PARAMETER:
            raise BadQuery(f"parse error: unknown aggregation {node.op!r}")
        if node.op in aggregation.EXTREMES:
            return aggregation.extremes(node.op, self.scalar(node.param, at), points, node.grouping)
        if node.op == "quantile":
            q = self.scalar(node.param, at)
            self.notes.quantile(node, q)
            return aggregation.quantile(q, points, node.grouping)
        return aggregation.count_values(self.text(node.param, at), points, node.grouping)

    def _binary(self, node: tree.Binary, at: float) -> Value:
        left, right = self.eval(node.left, at), self.eval(node.right, at)
        if isinstance(left, list) and isinstance(right, list):
            return binary.both(node, _points(left), _points(right))
        if isinstance(left, list) and isinstance(right, float):
            return binary.with_number(node, _points(left), right)
        if isinstance(left, float) and isinstance(right, list):
            return binary.with_number(node, left, _points(right))
        if isinstance(left, float) and isinstance(right, float):
            return binary.numbers(node.op, left, right)
        raise BadQuery(f"the operator {node.op} does not work on a text")


_HANDLERS: dict[type[tree.Node], Callable[[Exact, Any, float], Value]] = {
    tree.Number: lambda query, node, at: node.value,
    tree.Text: lambda query, node, at: node.value,
    tree.Negation: Exact._negation,
    tree.Selector: Exact._selector,
    tree.Matrix: Exact._matrix,
    tree.Subquery: Exact._subquery,
    tree.Aggregation: Exact._aggregation,
    tree.Binary: Exact._binary,
    tree.Call: lambda query, node, at: calls.call(query, node, at),
}


RENAMING = (tree.Negation, tree.Binary, tree.Call)
"""Functions that may remove distinguishing labels, usually the name."""


def _hints(root: tree.Node, step: int) -> dict[int, Hint]:
    """Return what each range selector right under a function is read for, by the selector's id."""
    return {
        id(arg.selector): Hint(node.name, round(arg.span * 1000), step)
        for node in tree.walk(root)
        if isinstance(node, tree.Call)
        for arg in node.args
        if isinstance(arg, tree.Matrix)
    }


def _points(value: list[Point] | list[Ranged]) -> list[Point]:
    """Return `value` as the instant vector that it must be."""
    if value and not isinstance(value[0], Point):
        raise BadQuery("an instant vector is expected here, not a range vector")
    return value  # type: ignore[return-value]


def as_points(value: Value) -> list[Point]:
    """Return a scalar or a vector as a vector."""
    return [Point((), value)] if isinstance(value, float) else _points(value)  # type: ignore[arg-type]
