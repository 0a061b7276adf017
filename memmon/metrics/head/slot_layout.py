"""Pure: how the rows of a shard become the slots of its rings. Worked out once for all the ticks
that look alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon.metrics.head import schema as schemas
from memmon.metrics.head.schema import Schema
from memmon.metrics.head.series_layout import Member, Row, Shape
from memmon.samples import STALE_BITS


class Piece(NamedTuple):
    """Where the rows of one shape stand in a slot: of group `group`, its values `take` go to the
    floats `into` [rows, values].
    """

    group: int
    take: NDArray[np.intp]
    into: NDArray[np.intp]


class RingLayout(NamedTuple):
    """One ring of the shard: its empty slot, and the columns that are written."""

    name: str
    schema: Schema
    empty: NDArray[np.uint64]
    rows: NDArray[np.intp]
    times: NDArray[np.intp]
    pieces: tuple[Piece, ...]


class SlotLayout:
    """The rings of a shard. `ended` are the metric names that no target exposes any longer, with
    their last schema.
    """

    def __init__(self, rows: Sequence[Row], schemas: Mapping[str, Schema], slot_ms: int, window_ms: int, period: int):
        self.slot_ms = slot_ms
        self.members = tuple(row.member for row in rows)
        self.shapes = tuple(row.shape for row in rows)
        self._groups = _grouped(self.shapes)
        self.sheets = [self._sheet(name, schemas.get(name), window_ms, period) for name in _names(self.shapes)]
        self.versions = {sheet.name: sheet.schema.version for sheet in self.sheets}
        names = set(self.versions)
        self.ended = {name: schema for name, schema in schemas.items() if name not in names}

    def fits(self, rows: Sequence[Row], slot_ms: int, versions: Mapping[str, str]) -> bool:
        """Tell whether the plan is right for `rows`, and for what the shard was last written
        with.
        """
        return (
            slot_ms == self.slot_ms
            and not self.ended
            and len(rows) == len(self.members)
            and all(row.shape is shape for row, shape in zip(rows, self.shapes, strict=True))
            and all(row.member == member for row, member in zip(rows, self.members, strict=True))
            and versions == self.versions
        )

    def _sheet(self, name: str, old: Schema | None, window_ms: int, period: int) -> RingLayout:
        giving = {index for index, shape in enumerate(self.shapes) if name in shape.families}
        old_members = set(old.members) if old else set()
        # Targets of the shard that exposed it before end here: their place is in the ring.
        rows = [i for i, member in enumerate(self.members) if i in giving or member in old_members]
        members = [self.members[i] for i in rows]
        columns = {column: None for index in giving for column in self.shapes[index].families[name]}
        schema = schemas.following(old, members, list(columns), self.slot_ms, window_ms, period)
        places = np.array([schema.member_at[member] for member in members], dtype=np.intp)
        empty = np.full(schema.floats, STALE_BITS, dtype="<u8")
        empty[: schema.capacity] = 0
        return RingLayout(name, schema, empty, np.array(rows, dtype=np.intp), places, self._pieces(name, schema))

    def _pieces(self, name: str, schema: Schema) -> tuple[Piece, ...]:
        pieces = []
        for index, (shape, rows) in enumerate(self._groups):
            family = shape.families.get(name)
            if family:
                columns = np.array([schema.column_at[column] for column in family], dtype=np.intp)
                members = np.array([schema.member_at[self.members[row]] for row in rows], dtype=np.intp)
                into = schema.capacity + members[:, None] * len(schema.columns) + columns[None, :]
                pieces.append(Piece(index, np.fromiter(family.values(), np.intp, len(family)), into))
        return tuple(pieces)

    def slots(self, rows: Sequence[Row]) -> list[tuple[RingLayout, bytes]]:
        """Return the slot of each ring that `rows` come to."""
        times = np.array([row.at for row in rows], dtype="<i8")
        stacked = [np.stack([rows[index].values for index in indexes]) for _, indexes in self._groups]
        stale = []
        for sheet in self.sheets:
            slot = sheet.empty.copy()
            slot.view("<i8")[sheet.times] = times[sheet.rows]
            floats = slot.view("<f8")
            for group, take, into in sheet.pieces:
                floats[into] = stacked[group][:, take]
            stale.append((sheet, slot.tobytes()))
        return stale


def stale_slot(schema: Schema, at: int, members: Sequence[Member] | None = None) -> bytes:
    """Return the slot in which every series of `members` (all by default) ends at `at`."""
    slot = np.full(schema.floats, STALE_BITS, dtype="<u8")
    slot[: schema.capacity] = 0
    ending = schema.members if members is None else members
    places = [schema.member_at[member] for member in ending if member in schema.member_at]
    slot[places] = at
    return slot.tobytes()


def _grouped(shapes: Sequence[Shape]) -> list[tuple[Shape, list[int]]]:
    groups: dict[int, tuple[Shape, list[int]]] = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(id(shape), (shape, []))[1].append(index)
    return list(groups.values())


def _names(shapes: Sequence[Shape]) -> list[str]:
    return list({name: None for shape in shapes for name in shape.families})
