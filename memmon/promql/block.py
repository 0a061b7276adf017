"""Many series side by side: what the numpy kernels work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon.labels import Labels
from memmon.samples import STALE_BITS, Series

NO_ROW = int(np.iinfo(np.int64).min)
"""The time of a row that a member did not give."""


class Roster:
    """The distinct label sets of a block in their order. `known` caches values derived from them,
    such as groups; a roster never changes, so the cache stays valid.
    """

    __slots__ = ("__weakref__", "known", "labels")

    def __init__(self, labels: Sequence[Labels]):
        self.labels = tuple(labels)
        self.known: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.labels)


class Block(NamedTuple):
    """Series that were written in rows together, T rows of M members (targets, as a rule) with S
    series of theirs.

    `times[r, m]` is when member m gave row r in Unix ms, NO_ROW where it gave none; the others
    ascend strictly with r. Series s belongs to member `member[s]` and has its value of row r at
    `values[r, place[s]]`: a number, or the staleness marker where the member gave the row and the
    series was not in it. A value of no row means nothing. Nobody writes to these arrays.
    """

    roster: Roster
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    member: NDArray[np.intp]
    place: NDArray[np.intp]


def pack(series: Sequence[Series]) -> Block:
    """Return ragged series as a block in which each is its own member; the rows that a short one
    lacks come last.
    """
    longest = max((len(series.times) for series in series), default=0)
    times = np.full((longest, len(series)), NO_ROW, dtype=np.int64)
    bits = np.full((longest, len(series)), STALE_BITS, dtype=np.uint64)
    values = bits.view(np.float64)
    for index, row in enumerate(series):
        times[: len(row.times), index] = row.times
        values[: len(row.times), index] = row.values
    order = np.arange(len(series), dtype=np.intp)
    return Block(Roster([series.labels for series in series]), times, values, order, order)
