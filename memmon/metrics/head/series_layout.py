"""What a row of samples consists of: the series of a page in their order, known once for all the
pages that look alike.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.labels import EMPTY, Labels
from memmon.samples import Sample

MAX_KNOWN = 10_000
MAX_SERIES = 10_000
"""Most series of one member; further ones are dropped and counted."""


class Shape:
    """The series of a row in their order: metric names, and beside each its labels without the name
    and without the member's own.

    Shapes of one content are one object, so that they compare by identity.
    """

    __slots__ = ("__weakref__", "columns", "families", "names")

    def __init__(self, names: tuple[str, ...], columns: tuple[Labels, ...]):
        self.names, self.columns = names, columns
        self.families = _families(names, columns)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def dropped(self) -> int:
        """How many of the series have no place: they come twice, or are too many."""
        return len(self.names) - sum(map(len, self.families.values()))


class Member(NamedTuple):
    """Who gives a row: a target with its own labels (job, instance, ...), which every series of it
    has.
    """

    name: str
    labels: Labels = EMPTY


class Row(NamedTuple):
    """What `member` gave at `at` (Unix ms): one float64 for each series of `shape`."""

    member: Member
    shape: Shape
    values: NDArray[np.float64]
    at: int


def _families(names: tuple[str, ...], columns: tuple[Labels, ...]) -> dict[str, dict[Labels, int]]:
    """Return by metric name where the values of its columns are."""
    rows_by_name: dict[str, dict[Labels, int]] = {}
    for index, (name, column) in enumerate(zip(names[:MAX_SERIES], columns, strict=False)):
        rows_by_name.setdefault(name, {}).setdefault(column, index)
    return rows_by_name


_known: dict[tuple[tuple[str, ...], tuple[Labels, ...]], Shape] = {}
_lock = threading.Lock()


def of(names: Sequence[str], columns: Sequence[Labels]) -> Shape:
    """Return the one shape of this content."""
    key = (tuple(names), tuple(columns))
    with _lock:  # The collecting worker's threads share the cached layouts.
        layout = _known.get(key)
        if layout is None:
            while len(_known) >= MAX_KNOWN:
                _known.pop(next(iter(_known)))
            layout = _known[key] = Shape(*key)
    return layout


def row_of(member: Member, samples: Iterable[Sample], at: int) -> Row:
    """Return samples as a row; labels that the member has too are left to it."""
    member_names = {name for name, _ in member.labels}
    names, columns, values = [], [], []
    for sample in samples:
        names.append(label_sets.name_of(sample.labels))
        columns.append(
            tuple(pair for pair in sample.labels if pair[0] != label_sets.NAME and pair[0] not in member_names)
        )
        values.append(sample.value)
    return Row(member, of(names, columns), np.array(values, dtype=np.float64), at)
