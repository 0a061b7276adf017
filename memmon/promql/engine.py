"""The reference evaluator: one instant at a time, exact before fast.

A value of an expression is a number, a text, an instant vector (list of Point) or a range vector (list of Ranged).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import promql_parser as syntax

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import functions, guard, histogram, operators, ranges
from memmon.promql.matcher import Matcher, compiled
from memmon.promql.ranges import Window
from memmon.samples import Point, Series, stale_mask

LOOKBACK_MS = 5 * 60 * 1000
MAX_STEPS = 11_000
MAX_SAMPLES = 20_000_000

_OPS = {
    str(syntax.MatchOp.Equal): "=",
    str(syntax.MatchOp.NotEqual): "!=",
    str(syntax.MatchOp.Re): "=~",
    str(syntax.MatchOp.NotRe): "!~",
}


class Source(Protocol):
    """Where series come from."""

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int) -> list[Series]:
        """Return the series that fit, with their samples in (start, end] (Unix milliseconds) or a superset."""


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
    ):
        self.tree = guard.parse(expr)
        self.source = source
        self.start, self.end = start, end
        self.expired = expired
        self.samples = 0
        self._selected: dict[str, list[Series]] = {}

    def instant(self, at: float) -> list[Point]:
        """Return the vector at `at`; a scalar is one point without labels."""
        value = self._eval(self.tree, float(at))
        if isinstance(value, str):
            raise BadQuery("the expression is a text, not a vector", "bad_data")
        if isinstance(value, float):
            return [Point((), value)]
        if value and isinstance(value[0], Ranged):
            raise BadQuery("the expression is a range vector; it needs a function such as rate() over it")
        points = [point for point in value if isinstance(point, Point)]
        _refuse_duplicates(points)
        return points

    # One method an expression.

    def _eval(self, node: Any, at: float) -> Value:
        if self.expired():
            raise BadQuery("query timed out in expression evaluation", "timeout")
        handler = _HANDLERS.get(type(node).__name__)
        if handler is None:
            raise BadQuery(f"{type(node).__name__} is not supported")
        return handler(self, node, at)

    def _number(self, node: Any, at: float) -> float:
        value = self._eval(node, at)
        if not isinstance(value, float):
            raise BadQuery("a scalar is expected here")
        return value

    def _vector(self, node: Any, at: float) -> list[Point]:
        value = self._eval(node, at)
        if not isinstance(value, list) or (value and not isinstance(value[0], Point)):
            raise BadQuery("an instant vector is expected here")
        return value  # type: ignore[return-value]

    def _literal(self, node: Any, at: float) -> float:
        return float(node.val)

    def _text(self, node: Any, at: float) -> str:
        return str(node.val)

    def _paren(self, node: Any, at: float) -> Value:
        return self._eval(node.expr, at)

    def _unary(self, node: Any, at: float) -> Value:
        value = self._eval(node.expr, at)
        if isinstance(value, float):
            return -value
        return [Point(label_sets.without(p.labels, label_sets.NAME), -p.value) for p in self._vector(node.expr, at)]

    def _selector(self, node: Any, at: float) -> list[Point]:
        moment = round(self._moment(node, at) * 1000)
        found = []
        for series in self._series(node, LOOKBACK_MS):
            index = int(np.searchsorted(series.times, moment, side="right")) - 1
            if index < 0 or series.times[index] <= moment - LOOKBACK_MS:
                continue
            if not stale_mask(series.values[index : index + 1])[0]:
                found.append(Point(series.labels, float(series.values[index])))
        return found

    def _matrix(self, node: Any, at: float) -> list[Ranged]:
        span = node.range.total_seconds()
        end = self._moment(node.vector_selector, at)
        low, high = round((end - span) * 1000), round(end * 1000)
        found = []
        for series in self._series(node.vector_selector, round(span * 1000)):
            left, right = np.searchsorted(series.times, (low, high), side="right")
            window = self._window(series.times[left:right], series.values[left:right], end - span, end)
            if len(window.times):
                found.append(Ranged(series.labels, window))
        return found

    def _window(self, times: Any, values: Any, start: float, end: float) -> Window:
        self.samples += len(times)
        if self.samples > MAX_SAMPLES:
            raise BadQuery("query processing would load too many samples into memory", "execution")
        stale = stale_mask(np.ascontiguousarray(values))
        if stale.any():
            times, values = times[~stale], values[~stale]
        return Window(times / 1000.0, values, start, end)

    def _subquery(self, node: Any, at: float) -> list[Ranged]:
        span = node.range.total_seconds()
        step = node.step.total_seconds() if node.step else 60.0
        end = self._moment(node, at)
        if step <= 0 or span / step > MAX_STEPS:
            raise BadQuery(f"subquery with more than {MAX_STEPS} steps")
        first = math.floor((end - span) / step) * step
        if first <= end - span:
            first += step
        collected: dict[Labels, list[tuple[float, float]]] = {}
        for number in range(int((end - first) / step + 1e-9) + 1):
            moment = first + number * step
            for point in self._vector(node.expr, moment):
                collected.setdefault(point.labels, []).append((moment, point.value))
        return [
            Ranged(key, Window(np.array([t for t, _ in rows]), np.array([v for _, v in rows]), end - span, end))
            for key, rows in collected.items()
        ]

    def _moment(self, node: Any, at: float) -> float:
        if node.at is not None:
            kind = str(node.at.type).rsplit(".", 1)[-1]
            at = {"Start": self.start, "End": self.end}.get(kind, at)
            if kind == "At":
                at = node.at.at.timestamp() if hasattr(node.at.at, "timestamp") else float(node.at.at)
        return at - (node.offset.total_seconds() if node.offset else 0.0)

    def _series(self, node: Any, before: int) -> list[Series]:
        key = f"{before}|{node}"
        if key not in self._selected:
            moments = (self._moment(node, self.start), self._moment(node, self.end))
            low, high = round(min(moments) * 1000) - before, round(max(moments) * 1000)
            if _in_subquery(self):
                low -= self._reach
            self._selected[key] = self._select(matchers_of(node), low, high)
        return self._selected[key]

    @property
    def _reach(self) -> int:
        """How far back subqueries of this expression look, in milliseconds."""
        return sum(round(sub.range.total_seconds() * 1000) for sub in _subqueries(self.tree))

    def _select(self, matchers: tuple[Matcher, ...], low: int, high: int) -> list[Series]:
        if all((m.op in ("=", "=~") and m.value in ("", ".*")) or m.op == "!=" for m in matchers):
            raise BadQuery("vector selector must contain at least one non-empty matcher")
        for matcher in matchers:
            if "~" in matcher.op:
                compiled(matcher.value)
        return self.source.select(matchers, low, high)

    def _aggregate(self, node: Any, at: float) -> list[Point]:
        op = str(node.op)
        groups: dict[Labels, list[Point]] = {}
        for point in self._vector(node.expr, at):
            groups.setdefault(_group_key(point.labels, node.modifier), []).append(point)
        if op in ("topk", "bottomk"):
            return self._extremes(node, at, op, groups)
        if op == "quantile":
            q = self._number(node.param, at)
            return [Point(key, ranges.quantile(q, np.array([p.value for p in g]))) for key, g in groups.items()]
        if op == "count_values":
            return self._count_values(str(node.param.val), groups)
        if op not in operators.AGGREGATIONS:
            raise BadQuery(f"the aggregation {op} is not supported")
        with np.errstate(all="ignore"):
            return [
                Point(key, operators.AGGREGATIONS[op](np.array([p.value for p in group])))
                for key, group in groups.items()
            ]

    def _extremes(self, node: Any, at: float, op: str, groups: dict[Labels, list[Point]]) -> list[Point]:
        wanted = max(0, int(self._number(node.param, at)))
        sign = -1 if op == "topk" else 1

        def rank(point: Point) -> tuple[bool, float]:
            return math.isnan(point.value), sign * point.value

        return [point for group in groups.values() for point in sorted(group, key=rank)[:wanted]]

    def _count_values(self, label: str, groups: dict[Labels, list[Point]]) -> list[Point]:
        counted: dict[Labels, float] = {}
        for key, group in groups.items():
            for point in group:
                full = label_sets.merge(key, {label: f"{point.value:g}"})
                counted[full] = counted.get(full, 0.0) + 1
        return [Point(key, value) for key, value in counted.items()]

    def _binary(self, node: Any, at: float) -> Value:
        op = str(node.op)
        left, right = self._eval(node.lhs, at), self._eval(node.rhs, at)
        as_bool = bool(node.modifier and node.modifier.return_bool)
        if isinstance(left, float) and isinstance(right, float):
            if op in operators.COMPARISON:
                return float(operators.COMPARISON[op](left, right))
            return operators.ARITHMETIC[op](left, right)
        if isinstance(left, list) and isinstance(right, list):
            return _vectors(op, _points(left), _points(right), node.modifier, as_bool)
        if op in operators.SETS or isinstance(left, str) or isinstance(right, str):
            raise BadQuery(f"the operator {op} does not work on these operands")
        if isinstance(left, float):
            pairs = [(point, left, point.value) for point in _points(right)]
        else:
            pairs = [(point, point.value, right) for point in _points(left)]  # type: ignore[misc]
        return [found for point, a, b in pairs if (found := _combine(op, point.labels, point.value, a, b, as_bool))]

    def _call(self, node: Any, at: float) -> Value:
        name, args = node.func.name, list(node.args)
        if name in ranges.FUNCTIONS:
            return self._over_range(name, args[0], at, ranges.FUNCTIONS[name])
        if name == "quantile_over_time":
            q = self._number(args[0], at)
            return self._over_range(name, args[1], at, lambda window: ranges.quantile(q, window.values))
        if name == "predict_linear":
            return self._predict(args, at)
        if name in functions.BY_VALUE:
            rest = [self._number(arg, at) for arg in args[1:]]
            function = functions.BY_VALUE[name]
            return [_nameless(p.labels, function(p.value, *rest)) for p in self._vector(args[0], at)]
        if name in functions.BY_TIME:
            points = self._vector(args[0], at) if args else [Point((), at)]
            return [_nameless(p.labels, functions.BY_TIME[name](p.value)) for p in points]
        if name in _SPECIAL:
            return _SPECIAL[name](self, args, at)
        raise BadQuery(f"the function {name} is not supported")

    def _over_range(self, name: str, arg: Any, at: float, function: Callable[[Window], float | None]) -> list[Point]:
        found = []
        for labels, window in self._ranged(arg, at):
            with np.errstate(all="ignore"):
                value = function(window) if len(window.values) else None
            if value is not None:
                kept = labels if name in ranges.KEEPS_NAME else label_sets.without(labels, label_sets.NAME)
                found.append(Point(kept, value))
        return found

    def _ranged(self, node: Any, at: float) -> list[Ranged]:
        value = self._eval(node, at)
        if not isinstance(value, list) or (value and not isinstance(value[0], Ranged)):
            raise BadQuery("a range vector is expected here, such as metric[5m]")
        return value  # type: ignore[return-value]

    def _predict(self, args: list[Any], at: float) -> list[Point]:
        ahead = self._number(args[1], at)

        def at_end(window: Window) -> float | None:
            slope = ranges.deriv(window)
            if slope is None:
                return None
            middle = float(window.values.mean()) - slope * float(window.times.mean())
            return middle + slope * (window.end + ahead)

        return self._over_range("predict_linear", args[0], at, at_end)

    def _time(self, args: list[Any], at: float) -> float:
        return at

    def _pi(self, args: list[Any], at: float) -> float:
        return math.pi

    def _to_vector(self, args: list[Any], at: float) -> list[Point]:
        return [Point((), self._number(args[0], at))]

    def _to_scalar(self, args: list[Any], at: float) -> float:
        points = self._vector(args[0], at)
        return points[0].value if len(points) == 1 else math.nan

    def _absent(self, args: list[Any], at: float) -> list[Point]:
        return [] if self._vector(args[0], at) else [Point(_absent_labels(args[0]), 1.0)]

    def _absent_over_time(self, args: list[Any], at: float) -> list[Point]:
        return [] if self._ranged(args[0], at) else [Point(_absent_labels(args[0]), 1.0)]

    def _timestamp(self, args: list[Any], at: float) -> list[Point]:
        if type(args[0]).__name__ != "VectorSelector":
            return [_nameless(point.labels, at) for point in self._vector(args[0], at)]
        moment = round(self._moment(args[0], at) * 1000)
        found = []
        for point in self._selector(args[0], at):
            series = next(s for s in self._series(args[0], LOOKBACK_MS) if s.labels == point.labels)
            index = int(np.searchsorted(series.times, moment, side="right")) - 1
            found.append(_nameless(point.labels, float(series.times[index]) / 1000))
        return found

    def _histogram_quantile(self, args: list[Any], at: float) -> list[Point]:
        q = self._number(args[0], at)
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for point in self._vector(args[1], at):
            try:
                bound = float(label_sets.get(point.labels, "le"))
            except ValueError:
                continue  # As Prometheus does: what has no bound is no bucket.
            key = label_sets.without(point.labels, label_sets.NAME, "le")
            groups.setdefault(key, []).append((bound, point.value))
        return [Point(key, histogram.quantile(q, buckets)) for key, buckets in groups.items()]

    def _label_replace(self, args: list[Any], at: float) -> list[Point]:
        target, replacement, source, pattern = (self._text(arg, at) for arg in args[1:])
        program = compiled(pattern)
        found = []
        for point in self._vector(args[0], at):
            match = program.search(label_sets.get(point.labels, source))
            if match:
                value = _expand(replacement, match)
                found.append(Point(label_sets.merge(point.labels, {target: value}), point.value))
            else:
                found.append(point)
        return found

    def _label_join(self, args: list[Any], at: float) -> list[Point]:
        target, separator, *sources = (self._text(arg, at) for arg in args[1:])
        return [
            Point(
                label_sets.merge(p.labels, {target: separator.join(label_sets.get(p.labels, s) for s in sources)}),
                p.value,
            )
            for p in self._vector(args[0], at)
        ]

    def _sort(self, args: list[Any], at: float) -> list[Point]:
        return sorted(self._vector(args[0], at), key=lambda point: (math.isnan(point.value), point.value))

    def _sort_desc(self, args: list[Any], at: float) -> list[Point]:
        return sorted(self._vector(args[0], at), key=lambda point: (math.isnan(point.value), -point.value))


_HANDLERS: dict[str, Callable[[Query, Any, float], Value]] = {
    "NumberLiteral": Query._literal,
    "StringLiteral": Query._text,
    "ParenExpr": Query._paren,
    "UnaryExpr": Query._unary,
    "VectorSelector": Query._selector,
    "MatrixSelector": Query._matrix,
    "SubqueryExpr": Query._subquery,
    "AggregateExpr": Query._aggregate,
    "BinaryExpr": Query._binary,
    "Call": Query._call,
}

_SPECIAL: dict[str, Callable[[Query, list[Any], float], Value]] = {
    "time": Query._time,
    "pi": Query._pi,
    "vector": Query._to_vector,
    "scalar": Query._to_scalar,
    "absent": Query._absent,
    "absent_over_time": Query._absent_over_time,
    "timestamp": Query._timestamp,
    "histogram_quantile": Query._histogram_quantile,
    "label_replace": Query._label_replace,
    "label_join": Query._label_join,
    "sort": Query._sort,
    "sort_desc": Query._sort_desc,
}


def matchers_of(node: Any) -> tuple[Matcher, ...]:
    """Return the matchers of a selector, the metric name among them."""
    if node.matchers.or_matchers:
        raise BadQuery("`or` between matchers is experimental and not supported")
    found = [Matcher(m.name, _OPS[str(m.op)], m.value) for m in node.matchers.matchers]
    if node.name and not any(m.name == label_sets.NAME and m.op == "=" for m in found):
        found.insert(0, Matcher(label_sets.NAME, "=", node.name))
    return tuple(found)


def _in_subquery(query: Query) -> bool:
    return bool(_subqueries(query.tree))


def _subqueries(node: Any) -> list[Any]:
    found = [node] if type(node).__name__ == "SubqueryExpr" else []
    for name in ("lhs", "rhs", "expr", "param"):
        child = getattr(node, name, None)
        if child is not None:
            found += _subqueries(child)
    for child in getattr(node, "args", None) or ():
        found += _subqueries(child)
    return found


def _points(value: Any) -> list[Point]:
    points = list(value)
    if points and not isinstance(points[0], Point):
        raise BadQuery("binary expressions need scalars or instant vectors")
    return points


def _nameless(labels: Labels, value: float) -> Point:
    return Point(label_sets.without(labels, label_sets.NAME), value)


def _group_key(labels: Labels, modifier: Any) -> Labels:
    if modifier is None:
        return ()
    if str(modifier.type).endswith("By"):
        return label_sets.only(labels, modifier.labels)
    return label_sets.without(labels, label_sets.NAME, *modifier.labels)


def _match_key(labels: Labels, matching: Any) -> Labels:
    if matching is None:
        return label_sets.without(labels, label_sets.NAME)
    if str(matching.type).endswith("Include"):
        return label_sets.only(labels, matching.labels)
    return label_sets.without(labels, label_sets.NAME, *matching.labels)


def _vectors(op: str, left: list[Point], right: list[Point], modifier: Any, as_bool: bool) -> list[Point]:
    matching = modifier.matching if modifier else None
    if op in operators.SETS:
        return _set_operation(op, left, right, matching)
    card = str(modifier.card).rsplit(".", 1)[-1] if modifier else "OneToOne"
    many, one, swapped = (right, left, True) if card == "OneToMany" else (left, right, False)
    ones: dict[Labels, Point] = {}
    for point in one:
        key = _match_key(point.labels, matching)
        if key in ones:
            raise BadQuery(f"found duplicate series for the match group {label_sets.show(key)}", "execution")
        ones[key] = point
    found: list[Point] = []
    matched: set[Labels] = set()
    for point in many:
        key = _match_key(point.labels, matching)
        other = ones.get(key)
        if other is None:
            continue
        a, b = (other.value, point.value) if swapped else (point.value, other.value)
        result = _combine(op, point.labels, point.value if not swapped else b, a, b, as_bool)
        if card == "OneToOne":
            if key in matched:
                raise BadQuery("multiple matches for labels: many-to-one matching must be explicit", "execution")
            matched.add(key)
        if result:
            found.append(Point(_result_labels(result.labels, other.labels, card, modifier, op, as_bool), result.value))
    _refuse_duplicates(found)
    return found


def _result_labels(labels: Labels, other: Labels, card: str, modifier: Any, op: str, as_bool: bool) -> Labels:
    matching = modifier.matching if modifier else None
    if card == "OneToOne" and matching is not None:
        if str(matching.type).endswith("Include"):
            return label_sets.only(labels, matching.labels)
        return label_sets.without(labels, *matching.labels)
    if card != "OneToOne" and modifier.group_labels:
        labels = label_sets.merge(labels, {name: label_sets.get(other, name) for name in modifier.group_labels})
    return labels


def _combine(op: str, labels: Labels, kept: float, a: float, b: float, as_bool: bool) -> Point | None:
    if op in operators.COMPARISON:
        holds = operators.COMPARISON[op](a, b)
        if as_bool:
            return _nameless(labels, float(holds))
        return Point(labels, kept) if holds else None
    return _nameless(labels, operators.ARITHMETIC[op](a, b))


def _set_operation(op: str, left: list[Point], right: list[Point], matching: Any) -> list[Point]:
    keys = {_match_key(point.labels, matching) for point in (left if op == "or" else right)}
    if op == "or":
        return left + [point for point in right if _match_key(point.labels, matching) not in keys]
    return [point for point in left if (_match_key(point.labels, matching) in keys) == (op == "and")]


def _refuse_duplicates(points: list[Point]) -> None:
    if len({point.labels for point in points}) != len(points):
        raise BadQuery("vector cannot contain metrics with the same labelset", "execution")


def _absent_labels(node: Any) -> Labels:
    selector = node.vector_selector if type(node).__name__ == "MatrixSelector" else node
    if type(selector).__name__ != "VectorSelector":
        return ()
    equal = [(m.name, m.value) for m in matchers_of(selector) if m.op == "=" and m.name != label_sets.NAME]
    names = [name for name, _ in equal]
    return label_sets.of([(name, value) for name, value in equal if names.count(name) == 1])


def _expand(template: str, match: Any) -> str:
    """Fill `$1`, `${1}` and `${name}` of Go's regexp.Expand."""
    out, index = [], 0
    while index < len(template):
        if template[index] != "$":
            out.append(template[index])
            index += 1
            continue
        index += 1
        braced = template[index : index + 1] == "{"
        index += braced
        end = index
        while end < len(template) and (template[end].isalnum() or template[end] == "_"):
            end += 1
        name = template[index:end]
        index = end + (1 if braced else 0)
        out.append(_group(match, name))
    return "".join(out)


def _group(match: Any, name: str) -> str:
    try:
        return match.group(int(name) if name.isdigit() else name) or ""
    except (IndexError, KeyError):
        return ""
