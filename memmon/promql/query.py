"""One question in PromQL: parsed, bounded and answered by the fastest evaluator that can."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

import numpy as np

from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql import guard, tree
from memmon.promql.engine import Exact, Value
from memmon.promql.notes import Notes
from memmon.promql.selection import Source
from memmon.samples import Point, Series


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
        self.tree = guard.parse(expr)
        self.kind = tree.kind(self.tree)
        self.notes = Notes(expr, self.tree)
        self._source, self._bounds = source, (start, end)
        self._expired, self._exact = expired, exact

    def _engine(self, step: float = 0.0) -> Exact:
        return Exact(self.tree, self._source, self._bounds, self.notes, step, self._expired)

    def value(self, at: float) -> Value:
        """Return what the expression is at `at`."""
        return self._engine().value(at)

    def instant(self, at: float) -> list[Point]:
        """Return the vector at `at`; a scalar is one point without labels."""
        return _as_points(self.value(at) if self._is_answerable() else [])

    def _is_answerable(self) -> bool:
        if self.kind in ("string", "matrix"):
            raise BadQuery(
                "the expression is a text or a range vector; a range vector needs a function such as rate() over it"
            )
        return True

    def steps(self, step: float) -> list[Series]:
        """Return the series at start, start + step, ... up to end."""
        self._is_answerable()
        engine, (start, end) = self._engine(step), self._bounds
        found: dict[Labels, tuple[array[int], array[float]]] = {}
        for number in range(math.floor((end - start) / step + 1e-9) + 1):
            moment = start + number * step
            points = _as_points(engine.value(moment))
            engine.selection.charge(len(points))
            at = round(moment * 1000)
            for point in points:
                times, values = found.setdefault(point.labels, (array("q"), array("d")))
                times.append(at)
                values.append(point.value)
        return [Series(key, np.array(times), np.array(values)) for key, (times, values) in found.items()]


def _as_points(value: Value) -> list[Point]:
    if isinstance(value, float):
        return [Point((), value)]
    return value  # type: ignore[return-value]  # The kind says that it is a vector.
