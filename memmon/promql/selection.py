"""The series that a query reads: each selector's once, over all the time that its steps look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql.arrays import Floats
from memmon.promql.block import Block
from memmon.promql.matcher import Matcher, compiled
from memmon.promql.tree import Node, Selector
from memmon.samples import Series, stale_mask

MAX_SAMPLES = 20_000_000


class Hint(NamedTuple):
    """What series are read for: the function right over the range selector, its range and the
    query's step in ms; 0 for none. Only what answers out of rollups minds it.
    """

    function: str = ""
    span: int = 0
    step: int = 0


NO_HINT = Hint()


class Source(Protocol):
    """Where series come from."""

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Series]:
        """Return the series that fit, with their samples in (start, end] (Unix milliseconds) or a
        superset.
        """

    def blocks(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Block]:
        """Return the same side by side; no label set is in two of the blocks."""


class SelectedSeries(NamedTuple):
    """One series: all samples by millisecond, and the samples without staleness markers, with times
    in seconds.
    """

    labels: Labels
    times: NDArray[np.int64]
    values: Floats
    real_times: NDArray[np.int64]
    real_seconds: Floats
    real_values: Floats


class Selection:
    """What one query has read so far. `charge` refuses what would not fit into memory."""

    def __init__(self, source: Source):
        self._source = source
        self._samples = 0
        self._by_node: dict[tuple[Node, int], list[SelectedSeries]] = {}
        self._by_content: dict[Any, list[SelectedSeries]] = {}
        self._blocks: dict[Any, list[Block]] = {}

    def series(
        self, node: Selector, before: int, bounds: Callable[[], tuple[int, int]], hint: Hint = NO_HINT
    ) -> list[SelectedSeries]:
        """Return the series of `node` with samples from `before` ms ahead of the first moment of
        `bounds` to the last.
        """
        blocks = self._by_node.get((node, before))
        if blocks is None:
            first, last = bounds()
            key = (node.matchers, first - before, last, hint)
            if key not in self._by_content:
                self._by_content[key] = self._read(*key)
            blocks = self._by_node[node, before] = self._by_content[key]
        return blocks

    def blocks(self, node: Selector, before: int, bounds: tuple[int, int], hint: Hint = NO_HINT) -> list[Block]:
        """Return the same side by side."""
        key = (node.matchers, bounds[0] - before, bounds[1], hint)
        if key not in self._blocks:
            check(node.matchers)
            self._blocks[key] = blocks = self._source.blocks(*key)
            self.charge(sum(len(block.times) * len(block.roster) for block in blocks))
        return self._blocks[key]

    def charge(self, samples: int) -> None:
        """Count `samples` that are held in memory; raise BadQuery when they are too many."""
        self._samples += samples
        if self._samples > MAX_SAMPLES:
            raise BadQuery("query processing would load too many samples into memory", "execution")

    def _read(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint) -> list[SelectedSeries]:
        check(matchers)
        series_list = [_held(series) for series in self._source.select(matchers, start, end, hint)]
        self.charge(sum(len(series.times) for series in series_list))
        return series_list


def check(matchers: Iterable[Matcher]) -> None:
    """Raise BadQuery for matchers that match every series, and for an invalid pattern."""
    if all((m.op in ("=", "=~") and m.value in ("", ".*")) or m.op == "!=" for m in matchers):
        raise BadQuery("vector selector must contain at least one non-empty matcher")
    for matcher in matchers:
        if "~" in matcher.op:
            compiled(matcher.value)


def _held(series: Series) -> SelectedSeries:
    values = np.ascontiguousarray(series.values)
    real_times, real_values = series.times, values
    stale = stale_mask(values)
    if stale.any():
        real_times, real_values = real_times[~stale], values[~stale]
    return SelectedSeries(series.labels, series.times, values, real_times, real_times / 1000.0, real_values)
