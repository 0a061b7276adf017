"""Aggregations: many points of an instant vector into one a group, or into some of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import numbers
from memmon.promql.exact import ranges
from memmon.promql.tree import Grouping
from memmon.samples import Point

SIMPLE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": numbers.total,
    "avg": numbers.mean,
    "min": lambda values: float(np.fmin.reduce(values)),
    "max": lambda values: float(np.fmax.reduce(values)),
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stddev": lambda values: math.sqrt(numbers.variance(values)),
    "stdvar": numbers.variance,
}
"""Aggregations over values alone."""

EXTREMES = ("topk", "bottomk")
WITH_PARAMETER = (*EXTREMES, "quantile", "count_values")


def simple(op: str, points: Sequence[Point], grouping: Grouping) -> list[Point]:
    """Return one point a group."""
    function = SIMPLE[op]
    return [Point(key, function([p.value for p in group])) for key, group in _groups(points, grouping)]


def quantile(q: float, points: Sequence[Point], grouping: Grouping) -> list[Point]:
    """Return the q-quantile of each group."""
    return [
        Point(key, ranges.quantile(q, np.array([p.value for p in group]))) for key, group in _groups(points, grouping)
    ]


def extremes(op: str, parameter: float, points: Sequence[Point], grouping: Grouping) -> list[Point]:
    """Return the `parameter` largest or smallest points of each group, in order, NaN last."""
    if math.isnan(parameter):
        raise BadQuery("Parameter value is NaN", "execution")
    if abs(parameter) >= 2.0**63:
        how = "overflows" if parameter > 0 else "underflows"
        raise BadQuery(f"Scalar value {numbers.general(parameter)} {how} int64", "execution")
    count = max(0, int(parameter))
    sign = -1 if op == "topk" else 1

    def rank(point: Point) -> tuple[bool, float]:
        return math.isnan(point.value), sign * point.value

    return [point for _, group in _groups(points, grouping) for point in sorted(group, key=rank)[:count]]


def count_values(label: str, points: Sequence[Point], grouping: Grouping) -> list[Point]:
    """Return how often each value comes, named by the label `label`."""
    if not label:  # Any text will do otherwise, as in Prometheus since 3.0.
        raise BadQuery('invalid label name ""', "execution")
    counted: dict[Labels, float] = {}
    for point in points:
        shared = grouping.key(point.labels)
        full = label_sets.merge(shared, {label: numbers.plain(point.value)})
        counted[full] = counted.get(full, 0.0) + 1
    return [Point(key, value) for key, value in counted.items()]


def _groups(points: Sequence[Point], grouping: Grouping) -> list[tuple[Labels, list[Point]]]:
    points_by_group: dict[Labels, list[Point]] = {}
    for point in points:
        points_by_group.setdefault(grouping.key(point.labels), []).append(point)
    return list(points_by_group.items())
