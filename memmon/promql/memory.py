"""Series that are at hand in memory, as a source of queries."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from memmon.labels import Labels
from memmon.promql.block import Block, pack
from memmon.promql.matcher import Matcher, all_accept
from memmon.promql.selection import NO_HINT, Hint
from memmon.samples import Series


class Memory:
    """A source of the series that were added to it."""

    def __init__(self, series: Iterable[Series] = ()) -> None:
        self._held: dict[Labels, Series] = {}
        self.add(series)

    def add(self, series_added: Iterable[Series]) -> None:
        """Add series; one that is there already gets more samples."""
        for series in series_added:
            stored = self._held.get(series.labels)
            if stored is not None:
                times = np.concatenate((stored.times, series.times))
                order = np.argsort(times, kind="stable")
                series = Series(series.labels, times[order], np.concatenate((stored.values, series.values))[order])
            self._held[series.labels] = series

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Series]:
        """Return the series that fit with their samples in (start, end] and none beyond, so that
        none is needed there.
        """
        selected = []
        for series in self._held.values():
            if all_accept(matchers, series.labels):
                low, high = series.times.searchsorted((start, end), side="right")
                if low < high:
                    selected.append(Series(series.labels, series.times[low:high], series.values[low:high]))
        return selected

    def blocks(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Block]:
        """Return the same side by side."""
        return [pack(self.select(matchers, start, end))]
