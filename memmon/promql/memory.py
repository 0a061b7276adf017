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

    def add(self, more: Iterable[Series]) -> None:
        """Add series; one that is there already gets more samples."""
        for one in more:
            held = self._held.get(one.labels)
            if held is not None:
                times = np.concatenate((held.times, one.times))
                order = np.argsort(times, kind="stable")
                one = Series(one.labels, times[order], np.concatenate((held.values, one.values))[order])
            self._held[one.labels] = one

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Series]:
        """Return the series that fit with their samples in (start, end] and none beyond, so that none is needed there."""
        found = []
        for one in self._held.values():
            if all_accept(matchers, one.labels):
                low, high = one.times.searchsorted((start, end), side="right")
                if low < high:
                    found.append(Series(one.labels, one.times[low:high], one.values[low:high]))
        return found

    def blocks(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Block]:
        """Return the same side by side."""
        return [pack(self.select(matchers, start, end))]
