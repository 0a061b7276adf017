from __future__ import annotations

from memmon.labels import Labels
from memmon.metrics import members
from memmon.metrics.members import CELL, Room, Timed

WINDOW = 3_600_000
ROOM = Room(1000, 1 << 30)
SLOTS = 374


def series(*names: str) -> list[Labels]:
    return [(("n", name),) for name in names]


def begun(*names: str, now: int = 0) -> Timed:
    made = members.following(None, series(*names), 10_000, now, WINDOW, ROOM)
    assert made is not None
    return made


def after(old: Timed, *names: str, slot_ms: int = 10_000, now: int = 0, room: Room = ROOM) -> Timed:
    made = members.following(old, series(*names), slot_ms, now, WINDOW, room)
    assert made is not None
    return made


def test_a_first_schema_has_just_the_members_that_came() -> None:
    made = begun("a", "b")
    assert (made.members, made.capacity, made.slots, made.ring) == (tuple(series("a", "b")), 2, SLOTS, made.version)
    assert made.size == 2 * CELL * SLOTS


def test_it_stays_while_it_has_all_that_come() -> None:
    old = begun("a", "b")
    assert after(old, "b") is old


def test_a_full_ring_is_followed_by_one_twice_as_large_and_that_is_filled() -> None:
    first = begun("a", "b")
    second = after(first, "c")
    assert (second.members, second.capacity) == (tuple(series("a", "b", "c")), 4)
    assert second.ring == second.version != first.ring
    third = after(second, "d")
    assert (third.ring, third.capacity) == (second.ring, 4)
    assert third.version != second.version
    assert [third.position[one] for one in second.members] == [0, 1, 2]


def test_other_slots_make_another_ring_of_the_same_members() -> None:
    first = begun("a", "b")
    second = after(first, "a", slot_ms=1000)
    assert (second.members, second.capacity, second.slot_ms) == (first.members, 2, 1000)
    assert second.ring != first.ring


def test_after_a_window_only_those_that_come_are_taken_along() -> None:
    old = begun("a", "b", "c")
    assert after(old, "a", now=WINDOW) is old
    assert after(old, "a", "d", now=WINDOW - 1).members == tuple(series("a", "b", "c", "d"))
    assert after(old, "a", "d", now=WINDOW).members == tuple(series("a", "d"))


def test_there_are_no_more_members_than_there_is_room_for() -> None:
    assert members.following(None, series("a"), 10_000, 0, WINDOW, Room(0, 1 << 30)) is None
    assert members.following(None, series("a"), 10_000, 0, WINDOW, Room(10, CELL * SLOTS - 1)) is None
    old = begun("a", "b", "c")
    grown = after(old, "d", "e", room=Room(1, 1 << 30))
    assert grown.members == tuple(series("a", "b", "c", "d"))
    assert after(grown, "e", room=Room(0, 1 << 30)) is grown


def test_where_shorter_slots_would_cost_members_the_slots_stay() -> None:
    old = begun("a", "b", "c")
    assert after(old, "a", slot_ms=1000, room=Room(10, 0)) is old


def test_what_is_dumped_is_loaded_as_the_same_object() -> None:
    made = after(begun("a", "b"), "c")
    assert members.load(made.dump()) is made
    members._known.clear()
    again = members.load(made.dump())
    assert (again.version, again.ring, again.members) == (made.version, made.ring, made.members)
