"""Who is in a timed ring: each series is a member of its own, appended as it comes, and let go with the ring that it is in.

A schema is named by its content, so that what a process has read of it stays true. Members that are appended within the capacity
make a new schema of the same ring; a ring of its own begins when the capacity is used up, the slots change, or new members come
and the old ones have been gathered for a whole window: those that are gone are not taken along.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.metrics import cells

MAX_KNOWN = 20_000
CELL = 16
"""Bytes: a time and a value."""


class Timed:
    """The members of a timed ring in their order, its slots, and the ring that has its cells."""

    def __init__(
        self, members: tuple[Labels, ...], capacity: int, slot_ms: int, slots: int, began: int, ring: str = ""
    ):
        self.members, self.capacity = members, capacity
        self.slot_ms, self.slots, self.began = slot_ms, slots, began
        self._ring = ring
        self._full: dict[str, list[Labels]] = {}

    @cached_property
    def version(self) -> str:
        """The name of this content."""
        return hashlib.sha256(self.dump().encode()).hexdigest()[:16]

    @property
    def ring(self) -> str:
        """The name of the ring: the version that it began with."""
        return self._ring or self.version

    @cached_property
    def position(self) -> dict[Labels, int]:
        """Where each member is."""
        return {labels: index for index, labels in enumerate(self.members)}

    def full(self, name: str) -> list[Labels]:
        """Return the label set of each member with the metric name in it."""
        if name not in self._full:
            self._full[name] = [tuple(sorted(((label_sets.NAME, name), *labels))) for labels in self.members]
        return self._full[name]

    @property
    def width(self) -> int:
        """The bytes of a slot: a time for each member that there may be, then a value for each."""
        return CELL * self.capacity

    @property
    def size(self) -> int:
        """The bytes of the whole ring."""
        return self.width * self.slots

    def dump(self) -> str:
        """Return the content as text."""
        return json.dumps([self.slot_ms, self.slots, self.capacity, self.began, self._ring, self.members])


class Room(NamedTuple):
    """How many more members and bytes a source may have."""

    members: int
    size: int


_known: dict[str, Timed] = {}
_lock = threading.Lock()


def get(version: str) -> Timed | None:
    """Return the schema of `version` where this process has met it."""
    return _known.get(version)


def load(text: bytes | str) -> Timed:
    """Return the schema that was dumped as `text`."""
    slot_ms, slots, capacity, began, ring, members = json.loads(text)
    return keep(Timed(tuple(tuple((k, v) for k, v in m) for m in members), capacity, slot_ms, slots, began, ring))


def keep(schema: Timed) -> Timed:
    """Remember a schema; return the one object of its content."""
    with _lock:
        while len(_known) >= MAX_KNOWN:
            _known.pop(next(iter(_known)))
        return _known.setdefault(schema.version, schema)


def following(
    old: Timed | None, wanted: Sequence[Labels], slot_ms: int, now: int, window_ms: int, room: Room
) -> Timed | None:
    """Return the schema that has the `wanted` members too, as many as there is room for; `old` where it has them already, or there
    is room for none, and None where there is no room at all."""
    slots = cells.slots_of(slot_ms, window_ms)
    if old is None:
        return _begun(wanted, 0, slot_ms, slots, now, room)
    new = [labels for labels in wanted if labels not in old.position]
    if not new and slot_ms == old.slot_ms:
        return old
    freed = Room(room.members + len(old.members), room.size + old.size)
    if new and now - old.began >= window_ms:
        return _begun(wanted, 0, slot_ms, slots, now, freed) or old
    if slot_ms == old.slot_ms and len(old.members) + len(new) <= old.capacity:
        members = (*old.members, *new[: max(0, room.members)])
        return keep(Timed(members, old.capacity, slot_ms, slots, old.began, old.ring)) if room.members > 0 else old
    capacity = 2 * old.capacity if new else old.capacity
    made = _begun((*old.members, *new), capacity, slot_ms, slots, old.began, freed)
    if (
        made is None
        or len(made.members) < len(old.members)
        or (made.members, made.slot_ms) == (old.members, old.slot_ms)
    ):
        return old
    return made


def _begun(members: Sequence[Labels], capacity: int, slot_ms: int, slots: int, began: int, room: Room) -> Timed | None:
    """Return a schema with a ring of its own, of `members` as far as there is room, and with `capacity` for more."""
    most = min(room.members, room.size // (CELL * slots))
    kept = tuple(members[: max(0, most)])
    return keep(Timed(kept, min(max(capacity, len(kept)), most), slot_ms, slots, began)) if kept else None
