"""The value of an expression at all steps of a query at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.promql.block import Roster
from memmon.promql.exact import binary
from memmon.samples import Point

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Indexes: TypeAlias = NDArray[np.intp]
T = TypeVar("T")

MAX_KNOWN = 64


class Frame(NamedTuple):
    """An instant vector at K steps: values [K, S] of the series in `roster`, and where they are
    there [K, S], None for everywhere.
    """

    roster: Roster
    values: Floats
    present: Bools | None = None

    def there(self) -> Bools:
        """Return where the series are, written out."""
        return np.ones(self.values.shape, dtype=bool) if self.present is None else self.present

    def points(self, step: int) -> list[Point]:
        """Return the vector at one step."""
        row = self.values[step].tolist()
        if self.present is None:
            return [Point(labels, value) for labels, value in zip(self.roster.labels, row, strict=True)]
        return [Point(self.roster.labels[at], row[at]) for at in np.flatnonzero(self.present[step]).tolist()]


def memoized(roster: Roster, key: Any, make: Callable[[], T]) -> T:
    """Return the value of `make` for `roster` and `key`, computed once."""
    if key not in roster.known:
        if len(roster.known) >= MAX_KNOWN:
            roster.known.clear()
        roster.known[key] = make()
    value: T = roster.known[key]
    return value


def nameless(roster: Roster) -> Roster:
    """Return the roster without metric names."""
    return memoized(
        roster, "nameless", lambda: Roster([label_sets.without(label, label_sets.NAME) for label in roster.labels])
    )


def is_unique(roster: Roster) -> bool:
    """Tell whether no label set is twice in the roster."""
    return memoized(roster, "unique", lambda: len(set(roster.labels)) == len(roster))


def names(roster: Roster) -> list[str]:
    """Return the metric name of each series."""
    return memoized(roster, "names", lambda: [label_sets.name_of(label) for label in roster.labels])


def of_points(rows: Sequence[Sequence[Point]]) -> Frame:
    """Return the vectors of all steps as a frame, series in order of appearance. A duplicate label
    set in a vector stays duplicate, so that callers can refuse it.
    """
    at: dict[tuple[Labels, int], int] = {}
    placed = []
    for points in rows:
        times: Counter[Labels] = Counter()
        for point in points:
            placed.append(at.setdefault((point.labels, times[point.labels]), len(at)))
            times[point.labels] += 1
    values = np.zeros((len(rows), len(at)))
    present = np.zeros(values.shape, dtype=bool)
    places = iter(placed)
    for step, points in enumerate(rows):
        for point in points:
            place = next(places)
            values[step, place] = point.value
            present[step, place] = True
    return Frame(Roster([labels for labels, _ in at]), values, present)


def joined(frames: Sequence[Frame]) -> Frame:
    """Return frames side by side."""
    if len(frames) == 1:
        return frames[0]
    first, *other_rosters = (frame.roster for frame in frames)
    roster = memoized(
        first, ("joined", *other_rosters), lambda: Roster([label for frame in frames for label in frame.roster.labels])
    )
    values = np.concatenate([frame.values for frame in frames], axis=1)
    if all(frame.present is None for frame in frames):
        return Frame(roster, values)
    return Frame(roster, values, np.concatenate([frame.there() for frame in frames], axis=1))


def refuse_duplicates(frame: Frame) -> None:
    """Raise BadQuery where two series of one label set have a value at the same step."""
    if not is_unique(frame.roster):
        for step in range(len(frame.values)):
            binary.refuse_duplicates(frame.points(step))
