"""The way into the kernels: a value at one moment, or series over many steps, in turns that fit
into memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from memmon.errors import BadQuery
from memmon.promql import tree
from memmon.promql.exact.engine import Exact
from memmon.promql.exact.values import Value
from memmon.promql.vectorized import frame as frames
from memmon.promql.vectorized.engine import Answer, Vectorized
from memmon.promql.vectorized.frame import Frame
from memmon.samples import Series

CELLS = 4_000_000
"""Values of one frame at most: more steps are done in turns."""
MOST_STEPS = 2_000


def value(engine: Exact, at: float) -> Value:
    """Return what the expression is at one moment."""
    answer = Vectorized(engine, [float(at)]).answer(engine.tree)
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Frame):
        frames.refuse_duplicates(answer)
        return answer.points(0)
    return float(answer[0])


def steps(engine: Exact, moments: Sequence[float]) -> list[Series]:
    """Return the series of the expression at `moments`."""
    turn = _turn(engine)
    pieces_by_series: dict[Any, list[tuple[Any, Any]]] = {}
    for first in range(0, len(moments), turn):
        batch = moments[first : first + turn]
        answer = Vectorized(engine, batch).answer(engine.tree)
        times = np.array([round(moment * 1000) for moment in batch], dtype=np.int64)
        for labels, at, values in _series(answer, times):
            engine.selection.charge(len(at))
            pieces_by_series.setdefault(labels, []).append((at, values))
    return [_of_parts(labels, pieces) for labels, pieces in pieces_by_series.items()]


def _turn(engine: Exact) -> int:
    """Return how many steps are done at once, so that a frame of the largest selector stays within
    bounds.
    """
    kernels = Vectorized(engine, [engine.start])
    widest = max((kernels.width(node) for node in tree.walk(engine.tree)), default=0)
    return max(1, min(MOST_STEPS, CELLS // max(1, widest)))


def _series(answer: Answer, times: Any) -> list[tuple[Any, Any, Any]]:
    if isinstance(answer, str):
        raise BadQuery("a text has no steps")
    if not isinstance(answer, Frame):
        return [((), times, answer)]
    frames.refuse_duplicates(answer)
    if answer.present is None:
        return [(labels, times, answer.values[:, at]) for at, labels in enumerate(answer.roster.labels)]
    columns = zip(answer.roster.labels, answer.present.T, answer.values.T, strict=True)
    return [(labels, times[there], row[there]) for labels, there, row in columns if there.any()]


def _of_parts(labels: Any, pieces: list[tuple[Any, Any]]) -> Series:
    times, values = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    # Two columns of one label set, at steps of their own.
    if len(pieces) > 1 and (np.diff(times) < 0).any():
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
    return Series(labels, times, np.ascontiguousarray(values))
