"""Samples of many series so that a window is a stretch of rows: no gaps, no markers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon.promql.block import NO_ROW, Block
from memmon.promql.vectorized.frame import Floats, Indexes
from memmon.samples import STALE_BITS

NEVER = np.iinfo(np.int64).max
_STALE = np.uint64(STALE_BITS)


class Dense(NamedTuple):
    """Rows of samples: times [T, M] ascending, NEVER after the last; series s has `values[:,
    place[s]]` at the times of `member[s]`.

    `series` is where these series are in the block that they come from.
    """

    times: NDArray[np.int64]
    values: Floats
    member: Indexes
    place: Indexes
    series: Indexes


def split(block: Block, first: int, last: int) -> list[Dense]:
    """Return the samples of `block` in (first, last] (Unix ms), complete series as they are and the
    others put together anew.
    """
    times, values = _rows(block, first, last)
    everyone = np.arange(len(block.roster), dtype=np.intp)
    if not len(times) or not len(everyone):
        return [Dense(times, values, block.member, block.place, everyone)]
    is_gap = (times == NO_ROW).any(axis=0)
    is_marked = (values.view(np.uint64) == _STALE).any(axis=0)
    careful = is_gap[block.member] | is_marked[block.place]
    if not careful.any():
        return [Dense(times, values, block.member, block.place, everyone)]
    plain, gapped = everyone[~careful], everyone[careful]
    packed = [_packed(times[:, block.member[gapped]], values[:, block.place[gapped]], gapped)]
    if len(plain):
        packed.append(Dense(times, values, block.member[plain], block.place[plain], plain))
    return packed


def _rows(block: Block, first: int, last: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the rows in which any member has a time in (first, last]; times outside only at the
    ends of a member.
    """
    inside = ((block.times > first) & (block.times <= last)).any(axis=1)
    rows = np.flatnonzero(inside)
    if not len(rows):
        return block.times[:0], block.values[:0]
    stretch = slice(int(rows[0]), int(rows[-1]) + 1)
    return block.times[stretch], block.values[stretch]


def _packed(times: NDArray[np.int64], values: Floats, series: Indexes) -> Dense:
    """Move the samples to the top of each column."""
    bad = (times == NO_ROW) | (values.view(np.uint64) == _STALE)
    order = np.argsort(bad, axis=0, kind="stable")
    times = np.take_along_axis(np.where(bad, NEVER, times), order, axis=0)
    positions = np.arange(len(series), dtype=np.intp)
    return Dense(times, np.take_along_axis(values, order, axis=0), positions, positions, series)


def rows_until(times: NDArray[np.int64], moments: NDArray[np.int64]) -> Indexes:
    """Return how many rows of each member are at or before each moment: [K, M]. Times ascend in
    every column.
    """
    steps, (rows, members) = len(moments), times.shape
    offsets = np.empty((steps, members), dtype=np.intp)
    if steps * rows > 64 * max(members, 1) and members < 4096:
        for member in range(members):
            offsets[:, member] = times[:, member].searchsorted(moments, side="right")
        return offsets
    for step in range(steps):
        if step and moments[step] == moments[step - 1]:
            offsets[step] = offsets[step - 1]
        else:
            offsets[step] = (times <= moments[step]).sum(axis=0)
    return offsets
