"""What stands where in a ring. A version is named by its content, so that what a process has read
of it stays true; only a timed ring's members grow, at their end, where nothing that is known moves.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.labels import EMPTY, Labels
from memmon.metrics.head.series_layout import Member
from memmon.promql.matcher import Matcher, all_accept

SPARE_COLUMNS = 64
SPARE_SLOTS = 4
MAX_KNOWN = 20_000
MAX_CHOICES = 32
TIMED = "t"


class ColumnSelection(NamedTuple):
    """The series of a ring that some matchers fit: which member and column each is, and its label
    set.
    """

    members: NDArray[np.intp]
    columns: NDArray[np.intp]
    labels: list[Labels]


class Schema:
    """The members and columns of a ring, and how its slots follow from the time.

    A slot holds an int64 time (Unix ms, 0 for none) for each of `capacity` members, then a float64
    for each member and column, a member's columns side by side; all little-endian. The first slot
    is that of the period `base`, so that a ring which lives for a few ticks is a few slots long.
    """

    def __init__(
        self,
        slot_ms: int,
        slots: int,
        base: int,
        members: Sequence[Member],
        columns: Sequence[Labels] = (EMPTY,),
        timed: tuple[str, int] | None = None,
    ):
        self.slot_ms, self.slots, self.base = slot_ms, slots, base
        self.members, self.columns = tuple(members), tuple(columns)
        self._timed = timed
        self.capacity = timed[1] if timed else len(self.members)
        self.floats = self.capacity * (1 + len(self.columns))
        self._choices: dict[tuple[str, tuple[Matcher, ...]], ColumnSelection] = {}

    @cached_property
    def version(self) -> str:
        """The name of this content; of a timed ring, its own."""
        return self._timed[0] if self._timed else hashlib.sha256(self.dump().encode()).hexdigest()[:16]

    @cached_property
    def member_at(self) -> dict[Member, int]:
        """Where each member is."""
        return {member: index for index, member in enumerate(self.members)}

    @cached_property
    def column_at(self) -> dict[Labels, int]:
        """Where each column is."""
        return {column: index for index, column in enumerate(self.columns)}

    @property
    def width(self) -> int:
        """The bytes of a slot."""
        return 8 * self.floats

    def labels(self, name: str, member: int, column: int) -> Labels:
        """Return the whole label set of a series."""
        return tuple(sorted(((label_sets.NAME, name), *self.members[member].labels, *self.columns[column])))

    def choice(self, name: str, matchers: tuple[Matcher, ...]) -> ColumnSelection:
        """Return the series that fit `matchers`, none of which is about the name."""
        key = (name, matchers)
        choice = self._choices.get(key)
        if choice is None:
            choice = self._choose(name, matchers)
            while len(self._choices) >= MAX_CHOICES:
                self._choices.pop(next(iter(self._choices)), None)
            self._choices[key] = choice
        return choice

    def _choose(self, name: str, matchers: tuple[Matcher, ...]) -> ColumnSelection:
        members, columns, chosen = [], [], []
        for member in range(len(self.members)):
            for column in range(len(self.columns)):
                labels = self.labels(name, member, column)
                if all_accept(matchers, labels):
                    members.append(member)
                    columns.append(column)
                    chosen.append(labels)
        return ColumnSelection(np.array(members, dtype=np.intp), np.array(columns, dtype=np.intp), chosen)

    def grown(self, members: Iterable[Member]) -> Schema:
        """Return a timed schema with more members."""
        return Schema(self.slot_ms, self.slots, self.base, (*self.members, *members), self.columns, self._timed)

    @property
    def timed(self) -> bool:
        """Tell whether each series has its own times and members may be added."""
        return self._timed is not None

    def dump(self) -> str:
        """Return the content as text; of a timed ring, all but its members."""
        members = [] if self._timed else self.members
        return json.dumps([self.slot_ms, self.slots, self.base, members, self.columns, self._timed])


_known: dict[str, Schema] = {}
_lock = threading.Lock()


def get(version: str) -> Schema | None:
    """Return the schema of `version` where this process has met it."""
    return _known.get(version)


def load(text: bytes | str) -> Schema:
    """Return the schema that was dumped as `text`."""
    slot_ms, slots, base, members, columns, timed = json.loads(text)
    return keep(
        Schema(
            slot_ms,
            slots,
            base,
            [Member(name, _pairs(labels)) for name, labels in members],
            [_pairs(column) for column in columns],
            tuple(timed) if timed else None,
        )
    )


def _pairs(pairs: list[list[str]]) -> Labels:
    return tuple((name, value) for name, value in pairs)


def keep(schema: Schema) -> Schema:
    """Return the one schema of this content that the process knows; of a timed one, that with the
    most members.
    """
    with _lock:  # Threads share the cached schemas.
        schema_ = _known.get(schema.version)
        if schema_ is not None and len(schema_.members) >= len(schema.members):
            return schema_
        while len(_known) >= MAX_KNOWN:
            _known.pop(next(iter(_known)))
        _known[schema.version] = schema
        return schema


def slots_of(window_ms: int, slot_ms: int) -> int:
    """Return how many slots a window needs."""
    return window_ms // slot_ms + SPARE_SLOTS


def following(
    old: Schema | None, members: Sequence[Member], columns: Sequence[Labels], slot_ms: int, window_ms: int, period: int
) -> Schema:
    """Return `old` while it covers all current members and columns, else a schema of both; members
    that ended long ago are dropped.
    """
    if (
        old is not None
        and old.slot_ms == slot_ms
        and old.slots == slots_of(window_ms, slot_ms)
        and all(member in old.member_at for member in members)
        and all(column in old.column_at for column in columns)
    ):
        return old
    old_columns: Sequence[Labels] = old.columns if old else ()
    if len(old_columns) > 2 * len(columns) + SPARE_COLUMNS:
        old_columns = ()
    merged = sorted({*old_columns, *columns})
    return keep(Schema(slot_ms, slots_of(window_ms, slot_ms), period, members, merged))


def timed(slot_ms: int, window_ms: int, period: int, capacity: int) -> Schema:
    """Return a new timed schema without members."""
    identity = (f"{TIMED}{uuid.uuid4().hex[:15]}", capacity)
    return Schema(slot_ms, slots_of(window_ms, slot_ms), period, (), (EMPTY,), identity)
