from __future__ import annotations

from memmon.labels import Labels
from memmon.metrics.head import batches, schema, series_index
from memmon.metrics.head.schema import Schema
from memmon.metrics.head.series_index import CELL, RingChange, Room

WINDOW = 3_600_000
NOW = 1_767_225_600_000
SLOTS = batches.slots_of(10_000, WINDOW)
ROOM = Room(1000, 1 << 30)


def series(*names: str) -> tuple[Labels, ...]:
    return tuple((("n", name),) for name in names)


def ring(*names: str, capacity: int) -> Schema:
    empty = schema.timed(10_000, WINDOW + batches.FUTURE_MS, series_index.base_of(10_000, NOW), capacity)
    return empty.grown(series_index.member(labels) for labels in series(*names))


def move(old: Schema | None, *names: str, slot_ms: int = 10_000, now: int = NOW, room: Room = ROOM) -> RingChange:
    return series_index.move(old, series(*names), slot_ms, now, WINDOW, room)


def test_a_first_ring_has_just_places_for_those_that_came() -> None:
    assert move(None, "a", "b") == RingChange(series("a", "b"), 2)


def test_nothing_is_done_for_members_that_have_places() -> None:
    assert move(ring("a", "b", capacity=2), "b") == RingChange()


def test_new_members_take_the_places_that_are_left() -> None:
    assert move(ring("a", "b", capacity=4), "b", "c", "d") == RingChange(series("c", "d"))


def test_a_full_ring_is_followed_by_one_twice_as_large() -> None:
    assert move(ring("a", "b", capacity=2), "c") == RingChange(series("a", "b", "c"), 4)
    assert move(ring("a", capacity=1), "b", "c", "d") == RingChange(series("a", "b", "c", "d"), 4)


def test_other_slots_make_another_ring_of_the_same_members() -> None:
    assert move(ring("a", "b", capacity=4), "a", slot_ms=1000) == RingChange(series("a", "b"), 4)


def test_after_a_window_only_those_that_come_are_taken_along() -> None:
    old = ring("a", "b", "c", capacity=3)
    assert move(old, "a", now=NOW + WINDOW) == RingChange()
    assert move(old, "a", "d", now=NOW + WINDOW - 10_000) == RingChange(series("a", "b", "c", "d"), 6)
    assert move(old, "a", "d", now=NOW + WINDOW) == RingChange(series("a", "d"), 2)


def test_there_are_no_more_places_than_there_is_room_for() -> None:
    assert move(None, "a", room=Room(0, 1 << 30)) == RingChange()
    assert move(None, "a", room=Room(10, CELL * SLOTS - 1)) == RingChange()
    assert move(None, "a", "b", "c", room=Room(2, 1 << 30)) == RingChange(series("a", "b"), 2)
    old = ring("a", "b", "c", capacity=3)
    assert move(old, "d", "e", room=Room(1, 1 << 30)) == RingChange(series("a", "b", "c", "d"), 4)
    assert move(old, "d", "e", room=Room(0, 1 << 30)) == RingChange()
    assert move(ring("a", capacity=2), "b", "c", room=Room(0, 1 << 30)) == RingChange(series("b"))


def test_where_shorter_slots_would_cost_members_the_slots_stay() -> None:
    assert move(ring("a", "b", "c", capacity=3), "a", slot_ms=1000, room=Room(10, 0)) == RingChange()
