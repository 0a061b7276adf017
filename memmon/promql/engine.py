"""The reference evaluator: one instant at a time, exact before fast.

A value of an expression is a number, a text, an instant vector (list of Point) or a range vector (list of Ranged).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import aggregate, functions, guard, histogram, labelling, ranges, tree, vectors
from memmon.promql.notes import Notes
from memmon.promql.ranges import Window
from memmon.promql.selection import Held, Selection, Source
from memmon.promql.vectors import nameless
from memmon.samples import STALE_BITS, Point, Series

LOOKBACK_MS = 5 * 60 * 1000
MAX_STEPS = 11_000


class Ranged(NamedTuple):
    """One element of a range vector."""

    labels: Labels
    window: Window


Value: TypeAlias = "float | str | list[Point] | list[Ranged]"


class Query:
    """One expression over one source, with what it may cost. `start` and `end` bound every step of it (seconds)."""

    def __init__(
        self,
        expr: str,
        source: Source,
        start: float,
        end: float,
        expired: Callable[[], bool] = lambda: False,
        exact: bool = False,
    ):
        # `exact` keeps the kernels out, so that they can be held to this evaluator.
        self.exact = exact
        self.notes = Notes()
        self.tree = guard.parse(expr)
        self.kind = tree.kind(self.tree)
        self.start, self.end = start, end
        self.expired = expired
        self._selection = Selection(source)
        # How far back subqueries of this expression look, in milliseconds.
        self._reach = sum(round(node.span * 1000) for node in tree.walk(self.tree) if isinstance(node, tree.Subquery))

    def value(self, at: float) -> Value:
        """Return what the expression is at `at`."""
        value = self._eval(self.tree, float(at))
        if isinstance(value, list) and value and isinstance(value[0], Point):
            vectors.refuse_duplicates(_points(value))
        return value

    def instant(self, at: float) -> list[Point]:
        """Return the vector at `at`; a scalar is one point without labels."""
        if self.kind in ("string", "matrix"):
            raise BadQuery(
                "the expression is a text or a range vector; a range vector needs a function such as rate() over it"
            )
        value = self.value(at)
        return [Point((), value)] if isinstance(value, float) else _points(value)  # type: ignore[arg-type]

    def steps(self, step: float) -> list[Series]:
        """Return the series at start, start + step, ... up to end."""
        found: dict[Labels, tuple[array[int], array[float]]] = {}
        for number in range(math.floor((self.end - self.start) / step + 1e-9) + 1):
            moment = self.start + number * step
            points = self.instant(moment)
            self._selection.charge(len(points))
            at = round(moment * 1000)
            for point in points:
                times, values = found.setdefault(point.labels, (array("q"), array("d")))
                times.append(at)
                values.append(point.value)
        return [Series(key, np.array(times), np.array(values)) for key, (times, values) in found.items()]

    # One method an expression.

    def _eval(self, node: tree.Node, at: float) -> Value:
        if self.expired():
            raise BadQuery("query timed out in expression evaluation", "timeout")
        return _HANDLERS[type(node)](self, node, at)

    def _number(self, node: tree.Node, at: float) -> float:
        value = self._eval(node, at)
        if not isinstance(value, float):
            raise BadQuery("a scalar is expected here")
        return value

    def _text(self, node: tree.Node, at: float) -> str:
        value = self._eval(node, at)
        if not isinstance(value, str):
            raise BadQuery("a text is expected here")
        return value

    def _vector(self, node: tree.Node, at: float) -> list[Point]:
        value = self._eval(node, at)
        if not isinstance(value, list):
            raise BadQuery("an instant vector is expected here")
        return _points(value)

    def _ranged(self, node: tree.Node, at: float) -> list[Ranged]:
        value = self._eval(node, at)
        if not isinstance(value, list) or (value and not isinstance(value[0], Ranged)):
            raise BadQuery("a range vector is expected here, such as metric[5m]")
        return value  # type: ignore[return-value]

    def _negation(self, node: tree.Negation, at: float) -> Value:
        value = self._eval(node.expr, at)
        if isinstance(value, float):
            return -value
        if isinstance(value, str):
            raise BadQuery("a text has no sign")
        return [nameless(point.labels, -point.value) for point in _points(value)]

    def _selector(self, node: tree.Selector, at: float) -> list[Point]:
        return [Point(held.labels, float(held.values[index])) for held, index in self._newest(node, at)]

    def _newest(self, node: tree.Selector, at: float) -> list[tuple[Held, int]]:
        """Return the series of `node` with the index of the sample that counts at `at`."""
        moment = round(self._moment(node, at) * 1000)
        found = []
        for held in self._series(node, LOOKBACK_MS):
            index = int(held.times.searchsorted(moment, side="right")) - 1
            if index < 0 or held.times[index] <= moment - LOOKBACK_MS:
                continue
            if held.values[index : index + 1].view(np.uint64)[0] != STALE_BITS:
                found.append((held, index))
        return found

    def _matrix(self, node: tree.Matrix, at: float) -> list[Ranged]:
        end = self._moment(node.selector, at)
        start = end - node.span
        bounds = np.array((round(start * 1000), round(end * 1000)), dtype=np.int64)
        found = []
        for held in self._series(node.selector, round(node.span * 1000)):
            low, high = held.real_times.searchsorted(bounds, side="right")
            if low < high:
                window = Window(held.real_seconds[low:high], held.real_values[low:high], start, end)
                found.append(Ranged(held.labels, window))
        return found

    def _subquery(self, node: tree.Subquery, at: float) -> list[Ranged]:
        step = node.step or 60.0
        end = self._moment(node, at)
        start = end - node.span
        if node.span / step > MAX_STEPS:
            raise BadQuery(f"subquery with more than {MAX_STEPS} steps")
        first = math.floor(start / step) * step
        if first <= start:
            first += step
        collected: dict[Labels, tuple[array[float], array[float]]] = {}
        for number in range(math.floor((end - first) / step + 1e-9) + 1):
            moment = first + number * step
            points = self._vector(node.expr, moment)
            self._selection.charge(len(points))
            for point in points:
                times, values = collected.setdefault(point.labels, (array("d"), array("d")))
                times.append(moment)
                values.append(point.value)
        return [
            Ranged(key, Window(np.array(times), np.array(values), start, end))
            for key, (times, values) in collected.items()
        ]

    def _moment(self, node: tree.Selector | tree.Subquery, at: float) -> float:
        if node.at is not None:
            at = {"start": self.start, "end": self.end}[node.at] if isinstance(node.at, str) else node.at
        return at - node.offset

    def _series(self, node: tree.Selector, before: int) -> list[Held]:
        return self._selection.series(node, before, lambda: self._bounds(node))

    def _bounds(self, node: tree.Selector) -> tuple[int, int]:
        """Return the first and the last moment (Unix ms) at which `node` is looked at."""
        moments = (self._moment(node, self.start), self._moment(node, self.end))
        return round(min(moments) * 1000) - self._reach, round(max(moments) * 1000)

    def _aggregation(self, node: tree.Aggregation, at: float) -> list[Point]:
        points = self._vector(node.expr, at)
        if node.op in aggregate.SIMPLE:
            return aggregate.simple(node.op, points, node.grouping)
        if node.param is None:
            raise BadQuery(f"the aggregation {node.op} is not supported")
        if node.op in aggregate.EXTREMES:
            return aggregate.extremes(node.op, self._number(node.param, at), points, node.grouping)
        if node.op == "quantile":
            return aggregate.quantile(self._number(node.param, at), points, node.grouping)
        if node.op == "count_values":
            return aggregate.count_values(self._text(node.param, at), points, node.grouping)
        raise BadQuery(f"the aggregation {node.op} is not supported")

    def _binary(self, node: tree.Binary, at: float) -> Value:
        left, right = self._eval(node.left, at), self._eval(node.right, at)
        if isinstance(left, list) and isinstance(right, list):
            return vectors.both(node, _points(left), _points(right))
        if isinstance(left, list) and isinstance(right, float):
            return vectors.with_number(node, _points(left), right)
        if isinstance(left, float) and isinstance(right, list):
            return vectors.with_number(node, left, _points(right))
        if isinstance(left, float) and isinstance(right, float):
            return vectors.numbers(node.op, left, right)
        raise BadQuery(f"the operator {node.op} does not work on a text")

    def _call(self, node: tree.Call, at: float) -> Value:
        name, args = node.name, node.args
        if name in ranges.FUNCTIONS:
            return self._over_range(name, args[0], at, ranges.FUNCTIONS[name])
        if name in functions.BY_VALUE:
            rest = [self._number(arg, at) for arg in args[1:]]
            function = functions.BY_VALUE[name]
            return [nameless(p.labels, function(p.value, *rest)) for p in self._vector(args[0], at)]
        if name in functions.BY_TIME:
            points = self._vector(args[0], at) if args else [Point((), at)]
            return [nameless(p.labels, functions.BY_TIME[name](p.value)) for p in points]
        if name in _SPECIAL:
            return _SPECIAL[name](self, args, at)
        raise BadQuery(f"the function {name} is not supported")

    def _over_range(
        self, name: str, arg: tree.Node, at: float, function: Callable[[Window], float | None]
    ) -> list[Point]:
        found = []
        keeps_name = name in ranges.KEEPS_NAME
        with np.errstate(all="ignore"):
            for labels, window in self._ranged(arg, at):
                value = function(window)
                if value is not None:
                    found.append(Point(labels, value) if keeps_name else nameless(labels, value))
        return found

    def _quantile_over_time(self, args: _Args, at: float) -> list[Point]:
        q = self._number(args[0], at)
        return self._over_range("", args[1], at, lambda window: ranges.quantile(q, window.values))

    def _predict_linear(self, args: _Args, at: float) -> list[Point]:
        ahead = self._number(args[1], at)
        return self._over_range("", args[0], at, lambda window: ranges.predicted(window, at, ahead))

    def _clamp(self, args: _Args, at: float) -> list[Point]:
        low, high = self._number(args[1], at), self._number(args[2], at)
        points = self._vector(args[0], at)
        return [] if low > high else [nameless(p.labels, functions.clamp(p.value, low, high)) for p in points]

    def _time(self, args: _Args, at: float) -> float:
        return at

    def _pi(self, args: _Args, at: float) -> float:
        return math.pi

    def _to_vector(self, args: _Args, at: float) -> list[Point]:
        return [Point((), self._number(args[0], at))]

    def _to_scalar(self, args: _Args, at: float) -> float:
        points = self._vector(args[0], at)
        return points[0].value if len(points) == 1 else math.nan

    def _absent(self, args: _Args, at: float) -> list[Point]:
        return [] if self._vector(args[0], at) else [Point(labelling.of_absent(args[0]), 1.0)]

    def _absent_over_time(self, args: _Args, at: float) -> list[Point]:
        return [] if self._ranged(args[0], at) else [Point(labelling.of_absent(args[0]), 1.0)]

    def _timestamp(self, args: _Args, at: float) -> list[Point]:
        if not isinstance(args[0], tree.Selector):
            return [nameless(point.labels, at) for point in self._vector(args[0], at)]
        return [nameless(held.labels, float(held.times[index]) / 1000) for held, index in self._newest(args[0], at)]

    def _histogram_quantile(self, args: _Args, at: float) -> list[Point]:
        q = self._number(args[0], at)
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for point in self._vector(args[1], at):
            try:
                bound = float(label_sets.get(point.labels, "le"))
            except ValueError:
                continue  # As Prometheus does: what has no bound is no bucket.
            groups.setdefault(label_sets.without(point.labels, "le"), []).append((bound, point.value))
        found = [nameless(key, histogram.quantile(q, buckets)) for key, buckets in groups.items()]
        vectors.refuse_duplicates(found)  # Of two histograms that differ in nothing but their names.
        return found

    def _label_replace(self, args: _Args, at: float) -> list[Point]:
        target, template, source, pattern = (self._text(arg, at) for arg in args[1:])
        return labelling.replace(self._vector(args[0], at), target, template, source, pattern)

    def _label_join(self, args: _Args, at: float) -> list[Point]:
        target, separator, *sources = (self._text(arg, at) for arg in args[1:])
        return labelling.join(self._vector(args[0], at), target, separator, sources)

    def _sort(self, args: _Args, at: float) -> list[Point]:
        return sorted(self._vector(args[0], at), key=lambda point: (math.isnan(point.value), point.value))

    def _sort_desc(self, args: _Args, at: float) -> list[Point]:
        return sorted(self._vector(args[0], at), key=lambda point: (math.isnan(point.value), -point.value))


_Args: TypeAlias = "tuple[tree.Node, ...]"

_HANDLERS: dict[type[tree.Node], Callable[[Query, Any, float], Value]] = {
    tree.Number: lambda query, node, at: node.value,
    tree.Text: lambda query, node, at: node.value,
    tree.Negation: Query._negation,
    tree.Selector: Query._selector,
    tree.Matrix: Query._matrix,
    tree.Subquery: Query._subquery,
    tree.Aggregation: Query._aggregation,
    tree.Binary: Query._binary,
    tree.Call: Query._call,
}

_SPECIAL: dict[str, Callable[[Query, _Args, float], Value]] = {
    "time": Query._time,
    "pi": Query._pi,
    "vector": Query._to_vector,
    "scalar": Query._to_scalar,
    "clamp": Query._clamp,
    "absent": Query._absent,
    "absent_over_time": Query._absent_over_time,
    "timestamp": Query._timestamp,
    "quantile_over_time": Query._quantile_over_time,
    "predict_linear": Query._predict_linear,
    "histogram_quantile": Query._histogram_quantile,
    "label_replace": Query._label_replace,
    "label_join": Query._label_join,
    "sort": Query._sort,
    "sort_desc": Query._sort_desc,
}


def _points(value: list[Point] | list[Ranged]) -> list[Point]:
    """Return `value` as the instant vector that it must be."""
    if value and not isinstance(value[0], Point):
        raise BadQuery("an instant vector is expected here, not a range vector")
    return value  # type: ignore[return-value]
