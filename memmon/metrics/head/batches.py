"""Samples with times of their own as cells of a ring: member, period, time and value side by side
in arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.metrics.head import schema
from memmon.samples import Sample, stale_mask

FUTURE_MS = 120_000
"""How far ahead of our clock a sample may be. Prometheus takes ten minutes; here each minute costs
a ring its slots.
"""


class Bounds(NamedTuple):
    """The times that the hot window takes, both ends included (Unix ms)."""

    oldest: int
    newest: int

    def hold(self, at: int) -> bool:
        """Tell whether `at` is a time that is taken."""
        return self.oldest <= at <= self.newest


def bounds(now: int, window_ms: int) -> Bounds:
    """Return the accepted time range at `now` (Unix ms)."""
    return Bounds(now - window_ms, now + FUTURE_MS)


class Batch(NamedTuple):
    """Samples of one metric name: the labels of each member without the name, and by sample its
    member, time and value.
    """

    members: list[Labels]
    member: NDArray[np.int64]
    at: NDArray[np.int64]
    value: NDArray[np.float64]


def by_name(samples: Iterable[Sample]) -> dict[str, Batch]:
    """Return samples, each of which has a time, by metric name."""
    by_name: dict[str, tuple[dict[Labels, int], list[int], list[int], list[float]]] = {}
    positions: dict[Labels, tuple[str, int]] = {}
    for sample in samples:
        where = positions.get(sample.labels)
        if where is None:
            name = label_sets.name_of(sample.labels)
            members = by_name.setdefault(name, ({}, [], [], []))[0]
            position = members.setdefault(label_sets.without(sample.labels, label_sets.NAME), len(members))
            where = positions[sample.labels] = name, position
        _, member, at, value = by_name[where[0]]
        member.append(where[1])
        at.append(sample.at or 0)
        value.append(sample.value)
    return {
        name: Batch(list(members), np.array(m, np.int64), np.array(a, np.int64), np.array(v, np.float64))
        for name, (members, m, a, v) in by_name.items()
    }


class Cells(NamedTuple):
    """At most one cell for each member and period, ordered by period and member."""

    member: NDArray[np.int64]
    period: NDArray[np.int64]
    at: NDArray[np.int64]
    value: NDArray[np.float64]

    def only(self, mask: NDArray[np.bool_]) -> Cells:
        """Return the cells that `mask` selects."""
        return Cells(self.member[mask], self.period[mask], self.at[mask], self.value[mask])


def newest(
    member: NDArray[np.int64], at: NDArray[np.int64], value: NDArray[np.float64], slot_ms: int
) -> tuple[Cells, NDArray[np.int64]]:
    """Return the newest sample of each member and period, and the gaps (ms) to the samples that it
    replaces.

    Of samples of one time the last one given counts, and displaces none. Markers of staleness come
    when they come: they say nothing of how fast a series is.
    """
    period = at // slot_ms
    order = np.lexsort((at, member, period))
    cells = Cells(member[order], period[order], at[order], value[order])
    same = (cells.member[1:] == cells.member[:-1]) & (cells.period[1:] == cells.period[:-1])
    stale = stale_mask(cells.value)
    steps = np.diff(cells.at)[same & ~stale[1:] & ~stale[:-1]]
    return cells.only(np.append(~same, True) if len(at) else np.zeros(0, bool)), steps[steps > 0]


def runs(cells: Cells) -> list[tuple[int, int]]:
    """Return (first, end) of the cells that lie side by side in a ring."""
    if not len(cells.at):
        return []
    breaks = (np.diff(cells.period) != 0) | (np.diff(cells.member) != 1)
    edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(cells.at)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def against(cells: Cells, stored: NDArray[np.int64], slot_ms: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which cells go in where cells with the times `held` (0 for none) lie already, and the
    gaps (ms) between two samples of one period, of which only one is kept.
    """
    wins = cells.at >= stored
    folded = (stored // slot_ms == cells.period) & (stored > 0) & (stored != cells.at) & ~stale_mask(cells.value)
    return wins, np.abs(cells.at - stored)[folded]


def slots_of(slot_ms: int, window_ms: int) -> int:
    """Return how many slots a ring has, so that no two times within bounds share a slot unless they
    share a period.
    """
    return schema.slots_of(window_ms + FUTURE_MS, slot_ms)
