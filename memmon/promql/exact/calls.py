"""Function calls of the reference evaluator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import tree
from memmon.promql.exact import functions, histogram, label_functions, ranges
from memmon.promql.exact.binary import nameless
from memmon.promql.exact.ranges import Window
from memmon.promql.exact.values import Evaluation, Value
from memmon.samples import Point

RATED = ("rate", "increase")


def call(query: Evaluation, node: tree.Call, at: float) -> Value:
    """Return what the call `node` is at `at`."""
    name, args = node.name, node.args
    if name in ranges.FUNCTIONS:
        return _over_range(query, node, args[0], at, ranges.FUNCTIONS[name])
    if name in functions.BY_VALUE:
        parameters = [query.scalar(arg, at) for arg in args[1:]]
        function = functions.BY_VALUE[name]
        return [nameless(p.labels, function(p.value, *parameters)) for p in query.vector(args[0], at)]
    if name in functions.BY_TIME:
        points = query.vector(args[0], at) if args else [Point((), at)]
        return [nameless(p.labels, functions.BY_TIME[name](p.value)) for p in points]
    if name in _SPECIAL:
        return _SPECIAL[name](query, node, at)
    raise BadQuery(f"parse error: unknown function with name {name!r}")


def _over_range(
    query: Evaluation, node: tree.Call, arg: tree.Node, at: float, function: Callable[[Window], float | None]
) -> list[Point]:
    points = []
    keeps_name = node.name in ranges.KEEPS_NAME
    windows, non_counters = query.ranged(arg, at), []
    with np.errstate(all="ignore"):
        for labels, window in windows:
            value = function(window)
            if value is not None:
                non_counters.append(label_sets.name_of(labels))
                points.append(Point(labels, value) if keeps_name else nameless(labels, value))
    if node.name in RATED:
        query.notes.not_counters(node, non_counters)
    return points


def _quantile_over_time(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    q = query.scalar(node.args[0], at)
    query.notes.quantile(node, q)
    return _over_range(query, node, node.args[1], at, lambda window: ranges.quantile(q, window.values))


def _predict_linear(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    ahead = query.scalar(node.args[1], at)
    return _over_range(query, node, node.args[0], at, lambda window: ranges.predicted(window, at, ahead))


def _clamp(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    low, high = query.scalar(node.args[1], at), query.scalar(node.args[2], at)
    points = query.vector(node.args[0], at)
    return [] if low > high else [nameless(p.labels, functions.clamp(p.value, low, high)) for p in points]


def _time(query: Evaluation, node: tree.Call, at: float) -> float:
    return at


def _pi(query: Evaluation, node: tree.Call, at: float) -> float:
    return math.pi


def _to_vector(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    return [Point((), query.scalar(node.args[0], at))]


def _to_scalar(query: Evaluation, node: tree.Call, at: float) -> float:
    points = query.vector(node.args[0], at)
    return points[0].value if len(points) == 1 else math.nan


def _absent(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    return [] if query.vector(node.args[0], at) else [Point(label_functions.of_absent(node.args[0]), 1.0)]


def _absent_over_time(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    return [] if query.ranged(node.args[0], at) else [Point(label_functions.of_absent(node.args[0]), 1.0)]


def _timestamp(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    arg = node.args[0]
    if not isinstance(arg, tree.Selector):
        return [nameless(point.labels, at) for point in query.vector(arg, at)]
    return [nameless(series.labels, float(series.times[index]) / 1000) for series, index in query.newest(arg, at)]


def _histogram_quantile(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    q = query.scalar(node.args[0], at)
    query.notes.quantile(node, q)
    points = []
    for key, buckets in _histograms(query, node, 1, at):
        value, lift = histogram.quantile_of(q, buckets)
        if lift:
            query.notes.not_monotonic(node, label_sets.name_of(key), lift, at)
        points.append(nameless(key, value))
    return points


def _histogram_fraction(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    low, high = query.scalar(node.args[0], at), query.scalar(node.args[1], at)
    return [nameless(key, histogram.fraction(low, high, buckets)) for key, buckets in _histograms(query, node, 2, at)]


def _histograms(
    query: Evaluation, node: tree.Call, arg: int, at: float
) -> Iterable[tuple[Labels, list[tuple[float, float]]]]:
    """Return the buckets of each classic histogram in argument `arg`: (upper bound, count), by
    labels without `le`.
    """
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for point in query.vector(node.args[arg], at):
        text = label_sets.get(point.labels, "le")
        bound = histogram.bound(text)
        if bound is None:
            query.notes.bucket(node, label_sets.name_of(point.labels), text, arg)
        else:
            groups.setdefault(label_sets.without(point.labels, "le"), []).append((bound, point.value))
    return groups.items()


def _label_replace(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    target, template, source, pattern = (query.text(arg, at) for arg in node.args[1:])
    return label_functions.replace(query.vector(node.args[0], at), target, template, source, pattern)


def _label_join(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    target, separator, *sources = (query.text(arg, at) for arg in node.args[1:])
    return label_functions.join(query.vector(node.args[0], at), target, separator, sources)


def _sort(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    if query.is_range:
        query.notes.sorted_steps(node)
    return sorted(query.vector(node.args[0], at), key=lambda point: (math.isnan(point.value), point.value))


def _sort_desc(query: Evaluation, node: tree.Call, at: float) -> list[Point]:
    if query.is_range:
        query.notes.sorted_steps(node)
    return sorted(query.vector(node.args[0], at), key=lambda point: (math.isnan(point.value), -point.value))


_SPECIAL: dict[str, Callable[[Evaluation, tree.Call, float], Value]] = {
    "time": _time,
    "pi": _pi,
    "vector": _to_vector,
    "scalar": _to_scalar,
    "clamp": _clamp,
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "timestamp": _timestamp,
    "quantile_over_time": _quantile_over_time,
    "predict_linear": _predict_linear,
    "histogram_quantile": _histogram_quantile,
    "histogram_fraction": _histogram_fraction,
    "label_replace": _label_replace,
    "label_join": _label_join,
    "sort": _sort,
    "sort_desc": _sort_desc,
}
