"""Pure: the bytes of a ring, and which of them hold a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memmon.metrics.head.schema import Schema

LATE_MS = 15_000
"""How late a row may be after its period began: its task waited, or targets were slow. Two clocks
differ by a slot at most.
"""


class Table(NamedTuple):
    """Slots of a ring: times [slots, capacity] and values [slots, capacity x columns], in no order
    of time.
    """

    times: NDArray[np.int64]
    values: NDArray[np.float64]


def periods(schema: Schema, start: int, end: int) -> range:
    """Return the periods whose rows may have times in (start, end] (Unix ms): no more than the ring
    holds.
    """
    first = (start + 1 - max(LATE_MS, schema.slot_ms)) // schema.slot_ms
    last = end // schema.slot_ms + 1
    return range(max(first, last + 1 - schema.slots), last + 1)


def spans(schema: Schema, periods_: range) -> list[tuple[int, int]]:
    """Return the bytes (first, last) of the `wanted` periods: one stretch, or two where the ring
    begins anew between them.
    """
    if len(periods_) >= schema.slots:
        return [(0, schema.slots * schema.width - 1)]
    low, high = slot(schema, periods_[0]), slot(schema, periods_[-1])
    if low <= high:
        return [(low * schema.width, (high + 1) * schema.width - 1)]
    return [
        (low * schema.width, schema.slots * schema.width - 1),
        (0, (high + 1) * schema.width - 1),
    ]


def decode(schema: Schema, chunks: list[bytes]) -> Table:
    """Return what the bytes of `spans` say; a ring that was not written to its end is short."""
    tables = [_table(schema, part) for part in chunks]
    if len(tables) == 1:
        return tables[0]
    return Table(*(np.concatenate(pieces) for pieces in zip(*tables, strict=True)))


def _table(schema: Schema, raw: bytes) -> Table:
    whole = -(-len(raw) // schema.width)
    # A timed ring ends behind the last cell that was written.
    raw = raw.ljust(whole * schema.width, b"\0")
    floats = np.frombuffer(raw, dtype="<f8", count=whole * schema.floats).reshape(whole, schema.floats)
    return Table(floats[:, : schema.capacity].view("<i8"), floats[:, schema.capacity :])


def offset(schema: Schema, period: int) -> int:
    """Return where the slot of `period` begins."""
    return slot(schema, period) * schema.width


def slot(schema: Schema, period: int) -> int:
    """Return the number of the slot of `period`."""
    return (period - schema.base) % schema.slots


class RingRows(NamedTuple):
    """A table's rows in the order of their periods."""

    periods: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


def rows(schema: Schema, periods_: range, chunks: list[bytes]) -> RingRows:
    """Return what the bytes of `spans(schema, wanted)` say of each period; times of an earlier turn
    of the ring are 0.
    """
    tables = [_table(schema, part) for part in chunks]
    if len(periods_) >= schema.slots:
        first = periods_[-1] + 1 - schema.slots
        turned = (np.arange(len(tables[0].times)) + schema.base - first) % schema.slots + first
        order = np.argsort(turned)
        periods, times, values = turned[order], tables[0].times[order], tables[0].values[order]
    else:
        begin = slot(schema, periods_[0])
        stretches = [periods_[: schema.slots - begin], periods_[schema.slots - begin :]]
        numbers = [n for stretch, table in zip(stretches, tables, strict=False) for n in stretch[: len(table.times)]]
        periods = np.array(numbers, dtype=np.int64)
        times, values = (np.concatenate(pieces) for pieces in zip(*tables, strict=True))
    old = times < (periods[:, None] - schema.slots // 2) * schema.slot_ms
    return RingRows(periods, np.where(old, 0, times), values)
