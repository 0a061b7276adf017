"""Binary operators on frames, see `exact/binary.py`. Ambiguous matches are left to the exact
evaluator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from memmon import labels as label_sets
from memmon.promql.block import Roster
from memmon.promql.exact import binary
from memmon.promql.tree import Binary, Grouping
from memmon.promql.vectorized import aggregation
from memmon.promql.vectorized import frame as frames
from memmon.promql.vectorized.frame import Bools, Floats, Frame, Indexes, memoized

_BY_ALL = Grouping(False, ())

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: dict[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def scalars(op: str, left: Floats, right: Floats) -> Floats:
    """Return `left op right` of two scalars at all steps."""
    with np.errstate(all="ignore"):
        if op in COMPARISON:
            comparison: Floats = COMPARISON[op](left, right).astype(float)
            return comparison
        result: Floats = ARITHMETIC[op](left, right)
        return result


def with_scalar(node: Binary, frame: Frame, scalar: Floats, scalar_is_left: bool) -> Frame:
    """Return the operator between a vector and a scalar at each step."""
    column = scalar[:, None]
    left, right = (column, frame.values) if scalar_is_left else (frame.values, column)
    return _applied(node, frame.roster, left, right, frame.values, frame.present)


def _applied(node: Binary, roster: Roster, left: Any, right: Any, left_values: Floats, present: Bools | None) -> Frame:
    """Return what the operator makes of values side by side; a comparison that is no `bool` keeps
    what holds.
    """
    with np.errstate(all="ignore"):
        if node.op not in COMPARISON:
            return Frame(frames.nameless(roster), ARITHMETIC[node.op](left, right), present)
        holds = COMPARISON[node.op](left, right)
    if node.as_bool:
        return Frame(frames.nameless(roster), holds.astype(float), present)
    return Frame(roster, left_values, holds if present is None else holds & present)


class Match(NamedTuple):
    """Which series of the many side meet which of the one side, and what comes out."""

    many_side: Indexes
    one_side: Indexes
    result: Roster


def between(node: Binary, left: Frame, right: Frame) -> Frame | None:
    """Return the operator between two vectors; None where series match so that only a look at each
    step can tell.
    """
    if node.op in ("and", "or", "unless"):
        return _set(node, left, right)
    swapped = node.card == "OneToMany"
    many_side, one_side = (right, left) if swapped else (left, right)
    key = (
        "match",
        node.op in COMPARISON and not node.as_bool,
        node.card,
        _about(node.matching),
        node.include,
        one_side.roster,
    )
    match = memoized(many_side.roster, key, lambda: _match(node, many_side.roster, one_side.roster))
    if match is None:
        return None
    a, b = many_side.values[:, match.many_side], one_side.values[:, match.one_side]
    present = _both(many_side, match.many_side, one_side, match.one_side)
    if swapped:
        a, b = b, a
    combined = _applied(node, match.result, a, b, a, present)
    return combined._replace(roster=match.result)


def _about(matching: Grouping | None) -> Any:
    return (matching.only, matching.names) if matching else None


def _match(node: Binary, many_side: Roster, one_side: Roster) -> Match | None:
    """Return how the two sides meet, None where a group has several series on a side that may have
    one.
    """
    matching = node.matching or _BY_ALL
    keys = [matching.key(labels) for labels in one_side.labels]
    ones = {key: index for index, key in enumerate(keys)}
    pairs = [
        (index, ones[key]) for index, labels in enumerate(many_side.labels) if (key := matching.key(labels)) in ones
    ]
    is_filter = node.op in COMPARISON and not node.as_bool
    results = []
    for left, right in pairs:
        labels = many_side.labels[left]
        if not is_filter:
            labels = label_sets.without(labels, label_sets.NAME)
        results.append(binary.result_labels(node, labels, one_side.labels[right]))
    doubled = len(ones) != len(keys) or (node.card == "OneToOne" and len({right for _, right in pairs}) != len(pairs))
    if doubled or len(set(results)) != len(results):
        return None
    places = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return Match(places[:, 0], places[:, 1], Roster(results))


def _both(left: Frame, at_left: Indexes, right: Frame, at_right: Indexes) -> Bools | None:
    present = None if left.present is None else left.present[:, at_left]
    if right.present is not None:
        other = right.present[:, at_right]
        present = other if present is None else present & other
    return present


def _set(node: Binary, left: Frame, right: Frame) -> Frame:
    matching = node.matching or _BY_ALL
    if not len(left.roster) or not len(right.roster):
        if node.op == "or":
            return left if not len(right.roster) else right
        return left if node.op == "unless" else Frame(left.roster, left.values, np.zeros(left.values.shape, dtype=bool))
    if node.op == "or":
        covered = _has(left, right, matching)
        return frames.joined([left, Frame(right.roster, right.values, right.there() & ~covered)])
    has = _has(right, left, matching)
    return Frame(left.roster, left.values, left.there() & (has if node.op == "and" else ~has))


def _has(frame: Frame, other: Frame, matching: Grouping) -> Bools:
    """Return at each step which series of `other` have a series of `frame` in their group."""
    ours, theirs = aggregation.groups(frame.roster, matching), aggregation.groups(other.roster, matching)
    group_present = aggregation.any_of(frame.there(), ours)
    key = ("meets", _about(matching), frame.roster)
    at = memoized(other.roster, key, lambda: _places(ours.roster, theirs.roster))
    by_group = np.where(at[None, :] >= 0, group_present[:, at], False)
    by_series: Bools = by_group[:, theirs.of]
    return by_series


def _places(ours: Roster, theirs: Roster) -> Indexes:
    """Return where each group of `theirs` is in `ours`, -1 where it is not."""
    at = {labels: index for index, labels in enumerate(ours.labels)}
    return np.array([at.get(labels, -1) for labels in theirs.labels], dtype=np.intp)
