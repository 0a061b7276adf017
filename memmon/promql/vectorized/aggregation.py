"""Aggregations of frames, see `exact/aggregation.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from memmon.promql import numbers
from memmon.promql.block import Roster
from memmon.promql.exact import aggregation, ranges
from memmon.promql.tree import Grouping
from memmon.promql.vectorized.frame import Bools, Floats, Frame, Indexes, memoized
from memmon.promql.vectorized.ranges import exactly, suspicious


class SeriesGroups(NamedTuple):
    """Series by group: `order` puts those of one group side by side, which begin at `starts`; `of`
    is the group of each.
    """

    roster: Roster
    of: Indexes
    order: Indexes
    starts: Indexes

    def members(self, group: int) -> Indexes:
        """Return the series of one group."""
        end = self.starts[group + 1] if group + 1 < len(self.starts) else len(self.order)
        return self.order[self.starts[group] : end]


def groups(roster: Roster, grouping: Grouping) -> SeriesGroups:
    """Return which series of `roster` belong together."""
    return memoized(roster, ("groups", grouping.only, grouping.names), lambda: _grouped(roster, grouping))


def _grouped(roster: Roster, grouping: Grouping) -> SeriesGroups:
    at: dict[object, int] = {}
    keys = [grouping.key(labels) for labels in roster.labels]
    of = np.array([at.setdefault(key, len(at)) for key in keys], dtype=np.intp)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(len(at)))
    return SeriesGroups(Roster(list(dict.fromkeys(keys))), of, order, starts)


def aggregated(op: str, frame: Frame, grouping: Grouping) -> Frame | None:
    """Return the aggregation that needs no parameter; None where it has to go the exact way."""
    if op not in _SIMPLE or not len(frame.roster):
        return None
    grouped = groups(frame.roster, grouping)
    counts = _counts(frame, grouped)
    with np.errstate(all="ignore"):
        values = _SIMPLE[op](frame, grouped, counts)
    return Frame(grouped.roster, values, None if frame.present is None else counts > 0)


def quantile(q: Floats, frame: Frame, grouping: Grouping) -> Frame:
    """Return the quantile `q` [K] of each group."""
    grouped = groups(frame.roster, grouping)
    present = frame.there()
    values = np.zeros((len(frame.values), len(grouped.roster)))
    for group in range(len(grouped.roster)):
        members = grouped.members(group)
        for step in range(len(values)):
            inside = frame.values[step, members][present[step, members]]
            values[step, group] = ranges.quantile(float(q[step]), inside)
    return Frame(grouped.roster, values, None if frame.present is None else _counts(frame, grouped) > 0)


def _counts(frame: Frame, grouped: SeriesGroups) -> Indexes:
    if frame.present is None:
        sizes = np.diff(np.append(grouped.starts, len(grouped.order)))
        return np.broadcast_to(sizes, (len(frame.values), len(sizes)))
    counted: Indexes = np.add.reduceat(frame.present[:, grouped.order].astype(np.intp), grouped.starts, axis=1)
    return counted


def _laid(frame: Frame, grouped: SeriesGroups, empty: float) -> Floats:
    """Return the values in the order of the groups, `empty` for missing ones."""
    values = frame.values[:, grouped.order]
    return values if frame.present is None else np.where(frame.present[:, grouped.order], values, empty)


def _inside(frame: Frame, grouped: SeriesGroups, step: int, group: int) -> list[float]:
    members = grouped.members(group)
    row: Floats = frame.values[step, members]
    if frame.present is not None:
        row = row[frame.present[step, members]]
    inside: list[float] = row.tolist()
    return inside


def _sum(frame: Frame, grouped: SeriesGroups, counts: Indexes) -> Floats:
    laid = _laid(frame, grouped, 0.0)
    sums, sizes = np.add.reduceat(laid, grouped.starts, axis=1), np.add.reduceat(np.abs(laid), grouped.starts, axis=1)
    return exactly(sums, sizes, lambda k, g: numbers.total(_inside(frame, grouped, k, g)))


def _mean(frame: Frame, grouped: SeriesGroups, counts: Indexes) -> Floats:
    laid = _laid(frame, grouped, 0.0)
    sums, sizes = np.add.reduceat(laid, grouped.starts, axis=1), np.add.reduceat(np.abs(laid), grouped.starts, axis=1)
    means = sums / counts
    for k, g in np.argwhere(suspicious(sums, sizes) & (counts > 0)).tolist():
        means[k, g] = numbers.mean(_inside(frame, grouped, k, g))
    return means


def _least(frame: Frame, grouped: SeriesGroups, counts: Indexes) -> Floats:
    least: Floats = np.fmin.reduceat(_laid(frame, grouped, np.nan), grouped.starts, axis=1)
    return least


def _greatest(frame: Frame, grouped: SeriesGroups, counts: Indexes) -> Floats:
    greatest: Floats = np.fmax.reduceat(_laid(frame, grouped, np.nan), grouped.starts, axis=1)
    return greatest


def _each(op: str) -> Callable[[Frame, SeriesGroups, Indexes], Floats]:
    """Return the aggregation group by group, for operators without a kernel."""

    def each(frame: Frame, grouped: SeriesGroups, counts: Indexes) -> Floats:
        values = np.zeros(counts.shape)
        for k, g in np.argwhere(counts > 0).tolist():
            values[k, g] = aggregation.SIMPLE[op](_inside(frame, grouped, k, g))
        return values

    return each


_SIMPLE: dict[str, Callable[[Frame, SeriesGroups, Indexes], Floats]] = {
    "sum": _sum,
    "avg": _mean,
    "min": _least,
    "max": _greatest,
    "count": lambda frame, grouped, counts: counts.astype(float),
    "group": lambda frame, grouped, counts: np.ones(counts.shape),
    "stddev": _each("stddev"),
    "stdvar": _each("stdvar"),
}


def any_of(present: Bools, grouped: SeriesGroups) -> Bools:
    """Return where any series of a group is there: [K, groups]."""
    if not present.shape[1]:
        return np.zeros((len(present), 0), dtype=bool)
    group_present: Bools = np.logical_or.reduceat(present[:, grouped.order], grouped.starts, axis=1)
    return group_present
