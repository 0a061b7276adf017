"""Who is in a timed ring: each series is a member of its own, added as it comes, and let go with
the ring that it is in.

Members are added while there are free places. A new ring begins when the ring is full, when the
slots change, or when new members arrive and the old ones have collected for a whole window; ended
members are not carried over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from memmon.labels import Labels
from memmon.metrics.head import batches
from memmon.metrics.head.schema import Schema
from memmon.metrics.head.series_layout import Member

CELL = 16
"""Bytes: a time and a value."""

BACK_MS = 60_000
"""How far before its beginning a ring has its first slot, for samples that are on their way by
then.
"""


class Room(NamedTuple):
    """How many more places and bytes a source may have."""

    places: int
    size: int


class RingChange(NamedTuple):
    """A change of a ring: add `members`, to a new ring with `capacity` places if that is not 0."""

    members: tuple[Labels, ...] = ()
    capacity: int = 0


def member(labels: Labels) -> Member:
    """Return a series as a member of a timed ring."""
    return Member("", labels)


def size_of(schema: Schema) -> int:
    """Return the bytes of a whole ring."""
    return schema.width * schema.slots


def base_of(slot_ms: int, now: int) -> int:
    """Return the period of the first slot of a ring that begins at `now` (Unix ms)."""
    return (now - BACK_MS) // slot_ms


def move(
    old: Schema | None, incoming: Sequence[Labels], slot_ms: int, now: int, window_ms: int, room: Room
) -> RingChange:
    """Return how the `incoming` members get places in slots of `slot_ms`, as many as there is room
    for.
    """
    slots = batches.slots_of(slot_ms, window_ms)
    if old is None:
        return _begun(incoming, 0, slots, room)
    new = [labels for labels in incoming if member(labels) not in old.member_at]
    if not new and slot_ms == old.slot_ms:
        return RingChange()
    freed = Room(room.places + old.capacity, room.size + size_of(old))
    if new and now - old.base * old.slot_ms >= window_ms + BACK_MS:
        return _begun(incoming, 0, slots, freed)
    left = old.capacity - len(old.members)
    if slot_ms == old.slot_ms and len(new) <= left:
        return RingChange(tuple(new))
    everybody = (*(member_.labels for member_ in old.members), *new)
    begun = _begun(everybody, 2 * old.capacity if new else old.capacity, slots, freed)
    has_more = len(begun.members) > len(old.members) + (left if slot_ms == old.slot_ms else -1)
    return begun if has_more else RingChange(tuple(new[:left]))


def _begun(members: Sequence[Labels], capacity: int, slots: int, room: Room) -> RingChange:
    """Return the move to a ring of its own, of `members` as far as there is room, and with
    `capacity` for more.
    """
    most = max(0, min(room.places, room.size // (CELL * slots)))
    kept_members = tuple(members[:most])
    return RingChange(kept_members, min(max(capacity, len(kept_members)), most) if kept_members else 0)
