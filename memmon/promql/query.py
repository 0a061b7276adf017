"""One question in PromQL: parsed, bounded and answered by the fastest evaluator that can."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import parser, tree
from memmon.promql.annotations import Notes
from memmon.promql.exact.engine import LOOKBACK_MS, Exact, as_points
from memmon.promql.exact.values import Value
from memmon.promql.selection import Source
from memmon.promql.vectorized import batches
from memmon.samples import Point, Series


class Query:
    """One expression over one source, with its cost limits. `start` and `end` bound every step
    (seconds).
    """

    def __init__(
        self,
        expr: str,
        source: Source,
        start: float,
        end: float,
        expired: Callable[[], bool] = lambda: False,
        exact: bool = False,
    ):
        self.tree = parser.parse(expr)
        self.kind = tree.kind(self.tree)
        self.notes = Notes(expr, self.tree)
        self._source, self._bounds = source, (start, end)
        self._expired, self._exact = expired, exact

    def _engine(self, step: float = 0.0) -> Exact:
        return Exact(self.tree, self._source, self._bounds, self.notes, step, self._expired)

    def value(self, at: float) -> Value:
        """Return what the expression is at `at`."""
        engine = self._engine()
        return engine.value(at) if self._exact or self.kind in ("string", "matrix") else batches.value(engine, at)

    def instant(self, at: float) -> list[Point]:
        """Return the vector at `at`; a scalar is one point without labels."""
        self._refuse_others()
        return as_points(self.value(at))

    def _refuse_others(self) -> None:
        if self.kind in ("string", "matrix"):
            raise BadQuery(
                "the expression is a text or a range vector; a range vector needs a function such as rate() over it"
            )

    def steps(self, step: float) -> list[Series]:
        """Return the series at start, start + step, ... up to end."""
        self._refuse_others()
        engine, (start, end) = self._engine(step), self._bounds
        count = math.floor((end - start) / step + 1e-9) + 1
        moments = [start + index * step for index in range(count)]
        return _one_by_one(engine, moments) if self._exact else batches.steps(engine, moments)


@lru_cache(maxsize=4096)
def _reads(expr: str) -> tuple[frozenset[str], float]:
    names = {
        matcher.value
        for node in tree.walk(parser.parse(expr))
        if isinstance(node, tree.Selector)
        for matcher in node.matchers
        if matcher.name == label_sets.NAME and matcher.op == "="
    }
    return frozenset(names), _back(parser.parse(expr))


def _back(node: tree.Node) -> float:
    own_span = 0.0
    match node:
        case tree.Selector(offset=offset):
            own_span = LOOKBACK_MS / 1000 + max(0.0, offset)
        case tree.Matrix(span=span):
            own_span = span
        case tree.Subquery(span=span, offset=offset):
            own_span = span + max(0.0, offset)
    return own_span + max((_back(child) for child in tree.children(node)), default=0.0)


def reads(exprs: Iterable[str]) -> tuple[set[str], float]:
    """Return the metric names that expressions ask for as such, and how many seconds back they look
    at most.
    """
    each = [_reads(expr) for expr in exprs]
    return {name for names, _ in each for name in names}, max((back for _, back in each), default=0.0)


def _one_by_one(engine: Exact, moments: list[float]) -> list[Series]:
    points_by_series: dict[Labels, tuple[array[int], array[float]]] = {}
    for moment in moments:
        points = as_points(engine.value(moment))
        engine.selection.charge(len(points))
        at = round(moment * 1000)
        for point in points:
            times, values = points_by_series.setdefault(point.labels, (array("q"), array("d")))
            times.append(at)
            values.append(point.value)
    return [Series(key, np.array(times), np.array(values)) for key, (times, values) in points_by_series.items()]
