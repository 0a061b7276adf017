"""The vectorized evaluator: all steps of a query at once, in numpy. Unsupported nodes are left to
the exact evaluator.

A value is a scalar at all steps [K], a text, or a Frame. It is held to the exact evaluator by a
property test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from memmon.errors import BadQuery
from memmon.promql import tree
from memmon.promql.block import Block, Roster
from memmon.promql.exact import calls, label_functions, ranges
from memmon.promql.exact.engine import LOOKBACK_MS, RENAMING, Exact, as_points
from memmon.promql.exact.values import Value
from memmon.promql.vectorized import (
    aggregation,
    binary,
    dense,
    histogram,
    instant,
)
from memmon.promql.vectorized import frame as frames
from memmon.promql.vectorized import (
    ranges as vectorized_ranges,
)
from memmon.promql.vectorized.frame import Bools, Floats, Frame
from memmon.promql.vectorized.ranges import Windows
from memmon.samples import STALE_BITS

Answer: TypeAlias = "Floats | str | Frame"
_STALE = np.uint64(STALE_BITS)


class Vectorized:
    """Evaluates expressions at `moments` (Unix seconds), beside the exact evaluator that is asked
    for the rest.
    """

    def __init__(self, engine: Exact, moments: Sequence[float]):
        self._engine = engine
        self._at = np.array(moments, dtype=np.float64)

    def answer(self, node: tree.Node) -> Answer:
        """Return what `node` is at all moments."""
        if self._engine.expired():
            raise BadQuery("query timed out in expression evaluation", "timeout")
        answer = self._answer(node)
        if isinstance(node, RENAMING) and isinstance(answer, Frame):
            frames.refuse_duplicates(answer)
        return answer

    def _answer(self, node: tree.Node) -> Answer:
        match node:
            case tree.Number():
                return np.full(len(self._at), node.value)
            case tree.Text():
                return node.value
            case tree.Selector():
                return self._selector(node)[0]
            case tree.Negation():
                return self._negation(node)
            case tree.Aggregation():
                return self._aggregation(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Call():
                return self._call(node)
        return self._exactly(node)

    def scalar(self, node: tree.Node) -> Floats:
        """Return the scalar that `node` is at all moments."""
        frame_ = self.answer(node)
        if isinstance(frame_, str | Frame):
            raise BadQuery("a scalar is expected here")
        return frame_

    def frame(self, node: tree.Node) -> Frame:
        """Return the instant vector that `node` is at all moments."""
        frame_ = self.answer(node)
        if not isinstance(frame_, Frame):
            raise BadQuery("an instant vector is expected here")
        return frame_

    def width(self, node: tree.Node) -> int:
        """Return how many series a selector reads."""
        if isinstance(node, tree.Matrix):
            return sum(len(block.roster) for block in self._blocks(node.selector, round(node.span * 1000)))
        return 0

    def _moments(self, node: tree.Selector) -> Floats:
        return np.array([self._engine.moment(node, float(at)) for at in self._at])

    def _blocks(self, node: tree.Selector, before: int) -> list[Block]:
        return self._engine.selection.blocks(node, before, self._engine.bounds(node), self._engine.hint(node))

    def _selector(self, node: tree.Selector) -> tuple[Frame, Floats]:
        """Return the newest values, and when they were given (Unix seconds)."""
        moments = _in_ms(self._moments(node))
        frame_list, ages = [], []
        for block in self._blocks(node, LOOKBACK_MS):
            values, present, times = instant.of(block, moments)
            frame_list.append(Frame(block.roster, values, None if present.all() else present))
            ages.append(times)
        if not frame_list:
            return _nothing(len(moments)), np.zeros((len(moments), 0))
        return frames.joined(frame_list), np.concatenate(ages, axis=1) / 1000.0

    def _negation(self, node: tree.Negation) -> Answer:
        operand = self.answer(node.expr)
        if isinstance(operand, str):
            raise BadQuery("a text has no sign")
        if isinstance(operand, Frame):
            return Frame(frames.nameless(operand.roster), -operand.values, operand.present)
        return -operand

    def _aggregation(self, node: tree.Aggregation) -> Answer:
        if node.op == "quantile" and node.param is not None:
            q, operand = self.scalar(node.param), self.frame(node.expr)
            for quantile in np.unique(q).tolist():
                self._engine.notes.quantile(node, quantile)
            return aggregation.quantile(q, operand, node.grouping) if len(operand.roster) else operand
        if node.param is None:
            operand = self.frame(node.expr)
            if not len(operand.roster):
                return operand
            aggregated = aggregation.aggregated(node.op, operand, node.grouping)
            if aggregated is not None:
                return aggregated
        return self._exactly(node)

    def _binary(self, node: tree.Binary) -> Answer:
        left, right = self.answer(node.left), self.answer(node.right)
        if isinstance(left, str) or isinstance(right, str):
            raise BadQuery(f"the operator {node.op} does not work on a text")
        if isinstance(left, Frame) and isinstance(right, Frame):
            combined = binary.between(node, left, right)
            return self._exactly(node, {id(node.left): left, id(node.right): right}) if combined is None else combined
        if node.op in ("and", "or", "unless"):
            raise BadQuery(f"the operator {node.op} needs an instant vector on both sides")
        if isinstance(left, Frame):
            return binary.with_scalar(node, left, right, scalar_is_left=False)  # type: ignore[arg-type]
        if isinstance(right, Frame):
            return binary.with_scalar(node, right, left, scalar_is_left=True)
        return binary.scalars(node.op, left, right)

    def _call(self, node: tree.Call) -> Answer:
        name, args = node.name, node.args
        if name in vectorized_ranges.FUNCTIONS and isinstance(args[0], tree.Matrix):
            return self._over_range(node, args[0])
        if name in _BY_VALUE:
            operand = self.frame(args[0])
            parameters = [self.scalar(arg)[:, None] for arg in args[1:]]
            with np.errstate(all="ignore"):
                return Frame(
                    frames.nameless(operand.roster), _BY_VALUE[name](operand.values, *parameters), operand.present
                )
        if name in _SPECIAL:
            return _SPECIAL[name](self, node)
        return self._exactly(node)

    def _over_range(self, node: tree.Call, arg: tree.Matrix) -> Frame:
        """Return a function of the samples in (end - span, end], for each series and moment."""
        ends = self._moments(arg.selector)
        starts = ends - arg.span
        low, high = _in_ms(starts), _in_ms(ends)
        frame_list = []
        for block in self._blocks(arg.selector, round(arg.span * 1000)):
            values = np.zeros((len(ends), len(block.roster)))
            present = np.zeros(values.shape, dtype=bool)
            for part in dense.split(block, int(low.min()), int(high.max())):
                if not len(part.times):
                    continue
                window = Windows(
                    part, dense.rows_until(part.times, low), dense.rows_until(part.times, high), starts, ends
                )
                with np.errstate(all="ignore"):
                    result, good = vectorized_ranges.FUNCTIONS[node.name](window)
                if len(part.series) == len(block.roster):
                    values, present = result, good
                else:
                    values[:, part.series], present[:, part.series] = result, good
            frame_list.append(Frame(block.roster, values, None if present.all() else present))
            affected: Bools = np.logical_or.reduce(present, axis=0)
            self._say_of_counters(node, block.roster, affected)
        return self._named(node, frames.joined(frame_list) if frame_list else _nothing(len(ends)))

    def _say_of_counters(self, node: tree.Call, roster: Roster, affected: Bools) -> None:
        if node.name in calls.RATED:
            names = frames.names(roster)
            suspects = frames.memoized(roster, "no counters", lambda: _no_counters(names))
            self._engine.notes.not_counters(node, (names[at] for at in suspects if affected[at]))

    def _named(self, node: tree.Call, frame: Frame) -> Frame:
        return frame if node.name in ranges.KEEPS_NAME else frame._replace(roster=frames.nameless(frame.roster))

    def _exactly(self, node: tree.Node, answers: dict[int, Answer] | None = None) -> Answer:
        """Evaluate `node` exactly, step by step, over children that are evaluated vectorized."""
        answers = dict(answers or {})
        for child in tree.children(node):
            if id(child) not in answers and not isinstance(child, tree.Matrix | tree.Subquery | tree.Text):
                answers[id(child)] = self.answer(child)
        engine = self._engine
        step_of = {float(at): step for step, at in enumerate(self._at)}
        engine.given = {key: _reader(answer, step_of) for key, answer in answers.items()}
        try:
            steps = [engine.apply(node, float(at)) for at in self._at]
        finally:
            engine.given = {}
        if all(isinstance(step, float) for step in steps):
            return np.array(steps)
        if isinstance(steps[0], str):
            return steps[0]
        return frames.of_points([as_points(step) for step in steps])

    def _time(self, node: tree.Call) -> Floats:
        return self._at

    def _pi(self, node: tree.Call) -> Floats:
        return np.full(len(self._at), math.pi)

    def _to_vector(self, node: tree.Call) -> Frame:
        return Frame(Roster([()]), self.scalar(node.args[0])[:, None])

    def _to_scalar(self, node: tree.Call) -> Floats:
        operand = self.frame(node.args[0])
        there = operand.there()
        alone = there.sum(axis=1) == 1
        values = np.full(len(self._at), np.nan)
        values[alone] = np.where(there, operand.values, 0.0).sum(axis=1)[alone] if there.shape[1] else 0.0
        return values

    def _absent(self, node: tree.Call) -> Frame:
        operand = self.frame(node.args[0])
        none: Bools = np.logical_not(np.logical_or.reduce(operand.there(), axis=1, keepdims=True))
        return Frame(Roster([label_functions.of_absent(node.args[0])]), np.ones((len(self._at), 1)), none)

    def _timestamp(self, node: tree.Call) -> Answer:
        if not isinstance(node.args[0], tree.Selector):
            operand = self.frame(node.args[0])
            return Frame(
                frames.nameless(operand.roster), np.repeat(self._at[:, None], len(operand.roster), 1), operand.present
            )
        frame_, times = self._selector(node.args[0])
        return Frame(frames.nameless(frame_.roster), times, frame_.present)

    def _histogram_quantile(self, node: tree.Call) -> Answer:
        q, operand = self.scalar(node.args[0]), self.frame(node.args[1])
        notes = self._engine.notes
        for quantile in np.unique(q).tolist():
            notes.quantile(node, quantile)
        quantiles = histogram.quantiles(q, operand)
        if quantiles is None:
            return self._exactly(node, {id(node.args[1]): operand})
        for labels in quantiles.without_bound:
            notes.bucket(node, dict(labels).get("__name__", ""), dict(labels).get("le", ""))
        for name, lift, step in quantiles.lifted:
            notes.not_monotonic(node, name, lift, float(self._at[step]))
        return quantiles.frame


def _in_ms(seconds: Floats) -> Any:
    return np.array([round(second * 1000) for second in seconds.tolist()], dtype=np.int64)


def _nothing(count: int) -> Frame:
    return Frame(Roster([]), np.zeros((count, 0)))


def _no_counters(names: list[str]) -> list[int]:
    from_first: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        from_first.setdefault(name, []).append(at)
    return [at for name, places in from_first.items() if not name.endswith(_COUNTER) for at in places]


_COUNTER = ("_total", "_sum", "_count", "_bucket")


def _reader(answer: Answer, step_of: dict[float, int]) -> Callable[[float], Value]:
    if isinstance(answer, str):
        return lambda at: answer
    if isinstance(answer, Frame):
        return lambda at: answer.points(step_of[at])
    return lambda at: float(answer[step_of[at]])


def _round(values: Floats, to: Any = 1.0) -> Floats:
    inverse = np.float64(1.0) / to
    rounded: Floats = np.floor(values * inverse + 0.5) / inverse
    return rounded


_BY_VALUE: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "exp": np.exp,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "sgn": np.sign,
    "round": _round,
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
}
"""As in `functions.BY_VALUE`, for all values at once."""

_SPECIAL: dict[str, Callable[[Vectorized, tree.Call], Answer]] = {
    "time": Vectorized._time,
    "pi": Vectorized._pi,
    "vector": Vectorized._to_vector,
    "scalar": Vectorized._to_scalar,
    "absent": Vectorized._absent,
    "timestamp": Vectorized._timestamp,
    "histogram_quantile": Vectorized._histogram_quantile,
}
