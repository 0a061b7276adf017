"""A source of series for tests of the language: a list."""

from __future__ import annotations

from collections.abc import Iterable

from memmon.promql.block import Block, pack
from memmon.promql.matcher import Matcher, all_accept
from memmon.promql.selection import NO_HINT, Hint
from memmon.samples import Series


class Memory:
    """Gives the series that fit, whole."""

    def __init__(self, series: Iterable[Series] = ()):
        self.series = list(series)

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Series]:
        return [series for series in self.series if all_accept(matchers, series.labels)]

    def blocks(self, matchers: tuple[Matcher, ...], start: int, end: int, hint: Hint = NO_HINT) -> list[Block]:
        return [pack(self.select(matchers, start, end, hint))]
