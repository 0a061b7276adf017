"""Pure: the rings of one metric name side by side, as evaluators hold them in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.metrics.head.ring import RingRows
from memmon.metrics.head.schema import Schema
from memmon.metrics.head.series_layout import Member
from memmon.promql.block import NO_ROW, Block, Roster
from memmon.promql.matcher import Matcher, all_accept
from memmon.samples import STALE_BITS

MAX_CHOICES = 64


class RingColumns(NamedTuple):
    """Where the members and the columns of one ring are in the window."""

    members: NDArray[np.intp]
    columns: NDArray[np.intp]


class SeriesSelection(NamedTuple):
    """The series of the window that some matchers fit."""

    roster: Roster
    member: NDArray[np.intp]
    place: NDArray[np.intp]


class AlignedWindow:
    """The samples of one metric name in slots of one length: a row is a period, each member of any
    ring has its time in it and each of its series a value.

    A member that is in several rings (its shard or its schema changed) is one; of two rows of one
    period the later one counts.
    """

    def __init__(self, name: str, schemas: Sequence[Schema], first: int, rows: int):
        self.first, self.rows = first, rows
        self.slot_ms = schemas[0].slot_ms
        members: dict[Member, int] = {}
        columns: dict[tuple[int, Labels], int] = {}
        self.places = [self._place(schema, members, columns) for schema in schemas]
        self._member = np.array([member for member, _ in columns], dtype=np.intp)
        everyone = list(members)
        self.labels = [
            tuple(sorted(((label_sets.NAME, name), *everyone[member].labels, *column))) for member, column in columns
        ]
        self.is_unique = len(set(self.labels)) == len(self.labels)
        self.ascends = True
        self._touched = rows  # The first row that was changed since `check`.
        self.times = np.full((rows, len(members)), NO_ROW, dtype=np.int64)
        self.values = _stale(rows, len(columns))
        self._choices: dict[tuple[Matcher, ...], SeriesSelection] = {}

    @staticmethod
    def _place(schema: Schema, members: dict[Member, int], columns: dict[tuple[int, Labels], int]) -> RingColumns:
        # A series that a timed ring has as a member of its own has no name to tell it from another
        # target's: its labels do.
        at = [members.setdefault(member, len(members)) for member in schema.members]
        of = [columns.setdefault((index, column), len(columns)) for index in at for column in schema.columns]
        return RingColumns(np.array(at, dtype=np.intp), np.array(of, dtype=np.intp))

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.times.nbytes + self.values.nbytes

    @property
    def end(self) -> int:
        """The period after the last."""
        return self.first + self.rows

    def put(self, ring: int, incoming: RingRows, may_correct: bool = False) -> None:
        """Add the rows of one ring. Known times are skipped, unless the ring's writer may correct
        them.
        """
        place = self.places[ring]
        inside = (incoming.periods >= self.first) & (incoming.periods < self.end)
        rows = incoming.periods[inside] - self.first
        times = incoming.times[inside][:, : len(place.members)]
        previous = self.times[rows[:, None], place.members]
        newer = (times > 0) & ((times >= previous) if may_correct else (times > previous))
        changed = newer.any(axis=1)
        if not changed.any():
            return
        rows, times, previous, newer = rows[changed], times[changed], previous[changed], newer[changed]
        values = incoming.values[inside][changed][:, : len(place.columns)]
        replaced = newer & (previous != NO_ROW) & (times > previous)
        for row, member in np.argwhere(replaced).tolist():
            same_member = self._member == place.members[member]
            self.values.view(np.uint64)[int(rows[row]), same_member] = STALE_BITS
        self._touched = min(self._touched, int(rows.min()))
        at = rows[:, None]
        if newer.all():
            self.times[at, place.members] = times
            self.values[at, place.columns] = values
        else:
            self.times[at, place.members] = np.where(newer, times, previous)
            wide = np.repeat(newer, len(place.columns) // max(1, len(place.members)), axis=1)
            self.values[at, place.columns] = np.where(wide, values, self.values[at, place.columns])

    def check(self) -> None:
        """Find out whether times ascend: a row that came very late may be after the next one."""
        first = self._touched if self.ascends else 0
        since = self.times[first:]
        before = self.times[:first].max(axis=0, initial=NO_ROW)
        running_maximum = np.maximum.accumulate(np.concatenate((before[None, :], since)), axis=0)[:-1]
        self.ascends = bool(((since == NO_ROW) | (since > running_maximum)).all())
        self._touched = self.rows

    def moved(self, first: int, rows: int) -> None:
        """Move the window to `rows` periods from `first` on, keeping their samples. Earlier blocks
        stay valid.
        """
        times = np.full((rows, self.times.shape[1]), NO_ROW, dtype=np.int64)
        values = _stale(rows, self.values.shape[1])
        low, high = max(first, self.first), min(first + rows, self.end)
        if low < high:
            times[low - first : high - first] = self.times[low - self.first : high - self.first]
            values[low - first : high - first] = self.values[low - self.first : high - self.first]
        self.first, self.rows, self.times, self.values = first, rows, times, values

    def block(self, matchers: tuple[Matcher, ...], first: int, last: int) -> Block:
        """Return the series that fit `matchers`, none of which is about the name, in the periods
        from `first` to `last`.
        """
        choice = self._choices.get(matchers)
        if choice is None:
            while len(self._choices) >= MAX_CHOICES:
                self._choices.pop(next(iter(self._choices)))
            choice = self._choices[matchers] = self._choose(matchers)
        rows = slice(max(0, first - self.first), max(0, last + 1 - self.first))
        return Block(choice.roster, self.times[rows], self.values[rows], choice.member, choice.place)

    def _choose(self, matchers: tuple[Matcher, ...]) -> SeriesSelection:
        chosen = [at for at, labels in enumerate(self.labels) if all_accept(matchers, labels)]
        place = np.array(chosen, dtype=np.intp)
        return SeriesSelection(Roster([self.labels[at] for at in chosen]), self._member[place], place)


def _stale(rows: int, columns: int) -> NDArray[np.float64]:
    return np.full((rows, columns), STALE_BITS, dtype=np.uint64).view(np.float64)
