"""Source of queries: the head block, and rollups for older samples."""

from __future__ import annotations

import numpy as np

from memmon.context import Context
from memmon.labels import Labels
from memmon.metrics.head import batches
from memmon.metrics.head.cache import HeadCache
from memmon.metrics.head.store import HeadStore
from memmon.metrics.history import rollup, store
from memmon.metrics.history.interpolation import COUNTERS, Stretches, needed, rising, spread
from memmon.metrics.history.rollup import LEVELS, MINUTE
from memmon.promql.block import Block, pack
from memmon.promql.matcher import Matcher
from memmon.promql.selection import NO_HINT, Hint
from memmon.samples import Series

MOST_SAMPLES = 2_000_000
"""Most samples that rollups are expanded to, for one selector."""


class HistorySource:
    """Both as one source, see `promql.selection.Source`."""

    def __init__(self, ctx: Context, window: HeadStore, warm: HeadCache):
        self.ctx, self.window, self.warm = ctx, window, warm

    def blocks(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Block]:
        """Return the series that fit in (start, end] (Unix ms) side by side."""
        if start >= self._edge():
            latest = round(self.ctx.now() * 1000) + batches.FUTURE_MS
            return self.warm.blocks(matchers, start, min(end, latest)) if start < latest else []
        return [pack(self.select(matchers, start, end, hint))]

    def _edge(self) -> int:
        """Return where the hot window begins (Unix ms)."""
        return round(self.ctx.now() * 1000) - self.window.window_ms

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Series]:
        """Return the series that fit in (start, end] (Unix ms)."""
        edge = self._edge()
        recent = self.window.select(matchers, start, end) if end > edge else []
        if start >= edge:
            return recent
        return _stitch(
            self._old(matchers, start // 1000, min(edge, end) // 1000 + 1, hint), recent, hint.function in COUNTERS
        )

    def _old(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint) -> list[Series]:
        """Return what rollups say of [start, end) (seconds): coarse ones as far as they reach, then
        finer ones for the rest.
        """
        levels = [level for level in reversed(LEVELS) if level <= level_of(self.ctx.now() - start)]
        columns = needed(hint)
        pieces: dict[Labels, list[Stretches]] = {}
        with self.ctx.read() as session:
            fitting = store.series(session, matchers)
            for level in levels:
                until = end if level == MINUTE else end // level * level
                stretches_by_id = store.stretches(session, list(fitting), level, start // level * level, until, columns)
                for series_id, stretches in stretches_by_id.items():
                    pieces.setdefault(fitting[series_id], []).append(stretches)
                start = max(start, until)
        most = MOST_SAMPLES // max(1, len(pieces))
        return [
            Series(labels, *spread(_one_after_another(series_pieces), hint, most))
            for labels, series_pieces in pieces.items()
        ]


def level_of(age: float) -> int:
    """Return the finest level that still reaches back `age` seconds."""
    return next((level for level in LEVELS if age <= rollup.retention(level, 10**6)), LEVELS[-1])


def _one_after_another(pieces: list[Stretches]) -> Stretches:
    if len(pieces) == 1:
        return pieces[0]
    starts, lengths = (np.concatenate([part[index] for part in pieces]) for index in (0, 1))
    names = pieces[0].columns
    return Stretches(starts, lengths, {name: np.concatenate([part.columns[name] for part in pieces]) for name in names})


def _stitch(old: list[Series], recent: list[Series], is_counted: bool) -> list[Series]:
    joined = {series.labels: series for series in recent}
    for before in old:
        series = joined.get(before.labels)
        times, values = before.times, before.values
        if series is not None and len(series.times):
            earlier = times < series.times[0]
            if is_counted and not earlier.all() and not np.isnan(series.values[0]):
                # Where both say something of one moment they say the same: a rollup's last value is
                # a little older than its end.
                values = values + (series.values[0] - np.interp(series.times[0], times, values))
            times = np.concatenate((times[earlier], series.times))
            values = np.concatenate((values[earlier], series.values))
        joined[before.labels] = Series(before.labels, times, rising(values) if is_counted else values)
    return list(joined.values())
