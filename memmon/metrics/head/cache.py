"""What an evaluator has read of the hot window, kept in its memory: a further query reads the
newest rows alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from memmon import labels as label_sets
from memmon.metrics.head import ring as rings
from memmon.metrics.head.aligned import AlignedWindow
from memmon.metrics.head.store import HeadStore, Ring
from memmon.promql.block import Block, pack
from memmon.promql.matcher import Matcher

MOST_BYTES = 256 << 20
"""Most bytes of all windows of a process; the least recently used windows are dropped first."""
UNUSED_SECONDS = 600.0
SLACK = 64
"""Spare periods of a window, so that it moves only now and then."""


class _CachedName:
    """The windows of one metric name, by the length of their slots."""

    def __init__(self, end: int):
        # The newest moment (Unix ms) that was asked about, and how far back from it.
        self.end, self.span = end, 0
        self.rings: list[Ring] = []
        self.windows: dict[int, tuple[AlignedWindow, list[Ring]]] = {}
        self.read_until: dict[int, int] = {}
        self.used = time.monotonic()

    @property
    def size(self) -> int:
        return sum(window.size for window, _ in self.windows.values())

    def reaches(self, start: int, end: int) -> bool:
        """Return True if the cached periods cover (start, end]."""
        return self.end - self.span <= start and end <= self.end

    @property
    def is_plain(self) -> bool:
        """Tell whether every label set is in one place."""
        windows = [window for window, _ in self.windows.values()]
        if not all(window.is_unique and window.ascends for window in windows):
            return False
        total = sum(len(window.labels) for window in windows)
        return len(windows) < 2 or len({label for window in windows for label in window.labels}) == total


class HeadCache:
    """The hot window through one process' memory."""

    def __init__(self, store: HeadStore):
        self.store = store
        self._held: dict[str, _CachedName] = {}
        self._pinned: frozenset[str] = frozenset()
        self._lock = threading.RLock()

    def blocks(self, matchers: tuple[Matcher, ...], start: int, end: int) -> list[Block]:
        """Return the series that fit, with their samples in (start, end] (Unix ms) or some more."""
        label_matchers = tuple(matcher for matcher in matchers if matcher.name != label_sets.NAME)
        names = self.store.fitting_names(matchers)
        with self._lock:
            self._refresh([name for name in names if name not in self._pinned], start, end)
            self._extend([name for name in names if name in self._pinned], start, end)
            blocks = [block for name in names for block in self._of_name(name, matchers, label_matchers, start, end)]
            self._bound(names)
        return blocks

    @contextmanager
    def pinned(self, names: Iterable[str], span: int, end: int) -> Iterator[None]:
        """Read the new periods of `names` at once, for the `span` ms before `end` (Unix ms), and
        let queries inside read no further ones.
        """
        pinned_names = sorted(set(names))
        with self._lock:
            self._refresh(pinned_names, end - span, end)
            self._pinned = frozenset(pinned_names)
        try:
            yield
        finally:
            self._pinned = frozenset()

    @property
    def size(self) -> int:
        """How many bytes the windows take."""
        return sum(cached.size for cached in self._held.values())

    def _of_name(
        self, name: str, matchers: tuple[Matcher, ...], label_matchers: tuple[Matcher, ...], start: int, end: int
    ) -> list[Block]:
        cached = self._held[name]
        cached.used = time.monotonic()
        if not cached.is_plain:
            exact = (Matcher(label_sets.NAME, "=", name), *label_matchers)
            return [pack(self.store.select(exact, start, end))]
        blocks = []
        for window, cached_rings in cached.windows.values():
            periods = rings.periods(cached_rings[0].schema, start, end)
            block = window.block(label_matchers, periods[0], periods[-1])
            if len(block.roster):
                blocks.append(block)
        return blocks

    def _extend(self, names: Sequence[str], start: int, end: int) -> None:
        """Read what pinned names lack, where a query looks further back than was thought."""
        cached = {name: cached_name for name in names if (cached_name := self._held.get(name)) is not None}
        short = [name for name in names if name not in cached or not cached[name].reaches(start, end)]
        if short:
            self._refresh(short, start, end)

    def _refresh(self, names: Sequence[str], start: int, end: int) -> None:
        """Update the windows of `names` in two round trips, regardless of their number."""
        if not names:
            return
        rings_by_name: dict[str, list[Ring]] = {name: [] for name in names}
        for ring in self.store.rings(names, start):
            rings_by_name[ring.name].append(ring)
        reads: list[tuple[_CachedName, AlignedWindow, int, Ring, range]] = []
        for name, now in rings_by_name.items():
            cached = self._held.setdefault(name, _CachedName(end))
            cached.end = max(cached.end, end)
            cached.span = max(cached.span, cached.end - start)
            for slot_ms, of_slot in _by_slot(now).items():
                reads += self._prepare(cached, name, slot_ms, of_slot)
            for gone in cached.windows.keys() - _by_slot(now).keys():
                del cached.windows[gone]
        answers = self.store.ranges([(ring, periods) for _, _, _, ring, periods in reads])
        touched = {}
        for (cached, window, index, ring, periods), raw in zip(reads, answers, strict=True):
            window.put(index, rings.rows(ring.schema, periods, raw), may_correct=ring.schema.timed)
            touched[id(window)] = (window, cached, periods)
        for window, cached, periods in touched.values():
            window.check()
            cached.read_until[window.slot_ms] = periods[-1]

    def _prepare(
        self, cached: _CachedName, name: str, slot_ms: int, of_slot: list[Ring]
    ) -> list[tuple[_CachedName, AlignedWindow, int, Ring, range]]:
        """Return the reads that a window needs for all queried periods, and for its spare room."""
        needed = rings.periods(of_slot[0].schema, cached.end - cached.span, cached.end)
        window, cached_rings = cached.windows.get(slot_ms, (None, []))
        if window is None or cached_rings != of_slot or needed[0] < window.first:
            window = AlignedWindow(name, [ring.schema for ring in of_slot], needed[0], len(needed) + SLACK)
            cached.windows[slot_ms] = (window, of_slot)
            periods = needed
        else:
            late = rings.LATE_MS // slot_ms + 2
            since = max(needed[0], cached.read_until[slot_ms] - late)
            if needed[-1] >= window.end:
                window.moved(needed[0], len(needed) + SLACK)
            periods = range(min(since, needed[-1]), needed[-1] + 1)
        # Timestamped samples may arrive arbitrarily late: a sender that was offline sends its
        # backlog.
        return [
            (cached, window, index, ring, needed if ring.schema.timed else periods)
            for index, ring in enumerate(of_slot)
        ]

    def _bound(self, in_use: Sequence[str]) -> None:
        """Drop windows that were not used for a while, and those beyond the memory limit of a
        process.
        """
        now = time.monotonic()
        for name in [name for name, cached in self._held.items() if now - cached.used > UNUSED_SECONDS]:
            del self._held[name]
        by_age = sorted(self._held, key=lambda name: self._held[name].used)
        size = self.size
        for name in by_age:
            if size <= MOST_BYTES:
                return
            if name not in in_use:
                size -= self._held.pop(name).size


def _by_slot(rings: Sequence[Ring]) -> dict[int, list[Ring]]:
    by_slot: dict[int, list[Ring]] = {}
    for ring in rings:
        by_slot.setdefault(ring.schema.slot_ms, []).append(ring)
    return by_slot
