from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.metrics.head import batches
from memmon.metrics.head.batches import Bounds, Cells
from memmon.samples import STALE_NAN, Sample

SLOT = 10_000


def newest(*arguments: tuple[int, int, float]) -> tuple[list[tuple[int, int, float]], list[int]]:
    """Return (member, time, value) of what stays of samples of (member, time, value), and the
    gaps.
    """
    member, at = (np.array([entry[n] for entry in arguments], np.int64) for n in (0, 1))
    actual, gaps = batches.newest(member, at, np.array([entry[2] for entry in arguments], np.float64), SLOT)
    return list(zip(actual.member.tolist(), actual.at.tolist(), actual.value.tolist(), strict=True)), gaps.tolist()


def of(*arguments: tuple[int, int, float]) -> Cells:
    member, at = (np.array([entry[n] for entry in arguments], np.int64) for n in (0, 1))
    return Cells(member, at // SLOT, at, np.array([entry[2] for entry in arguments], np.float64))


def stored_times(*times: int) -> NDArray[np.int64]:
    return np.array(times, np.int64)


def test_samples_are_grouped_by_name_with_each_series_once() -> None:
    entry, other = label_sets.of({"__name__": "m", "a": "b"}), label_sets.of({"__name__": "m"})
    batch = batches.by_name([Sample(entry, 1.0, 10), Sample(other, 2.0, 20), Sample(entry, 3.0, 30)])["m"]
    assert batch.members == [(("a", "b"),), ()]
    assert (batch.member.tolist(), batch.at.tolist(), batch.value.tolist()) == ([0, 1, 0], [10, 20, 30], [1, 2, 3])


def test_the_newest_of_each_member_and_slot_stays() -> None:
    assert newest((1, 25_000, 1.0), (0, 12_000, 2.0), (0, 19_000, 3.0), (0, 11_000, 4.0), (1, 12_000, 5.0)) == (
        [(0, 19_000, 3.0), (1, 12_000, 5.0), (1, 25_000, 1.0)],
        [1000, 7000],
    )
    assert newest() == ([], [])


def test_of_one_time_the_last_counts_and_displaces_none() -> None:
    assert newest((0, 12_000, 1.0), (0, 12_000, 2.0)) == ([(0, 12_000, 2.0)], [])


def test_markers_say_nothing_of_how_fast_a_series_is() -> None:
    assert newest((0, 12_000, 1.0), (0, 13_000, STALE_NAN), (0, 14_000, 2.0))[1] == []


def test_cells_that_lie_side_by_side_are_runs() -> None:
    actual = of((0, 11_000, 1), (1, 11_000, 1), (3, 11_000, 1), (4, 21_000, 1), (5, 21_000, 1))
    assert batches.runs(actual) == [(0, 2), (2, 3), (3, 5)]
    assert batches.runs(of()) == []


def test_newer_cells_win_and_older_ones_do_not() -> None:
    actual = of((0, 15_000, 1), (1, 15_000, 1), (2, 15_000, 1), (3, 15_000, 1))
    wins, gaps = batches.against(actual, stored_times(0, 14_000, 16_000, 15_000), SLOT)
    assert wins.tolist() == [True, True, False, True]
    assert gaps.tolist() == [1000, 1000]


def test_what_was_written_the_last_time_round_is_no_gap() -> None:
    wins, gaps = batches.against(of((0, 5_000_000, 1)), stored_times(1_240_000), SLOT)
    assert (wins.tolist(), gaps.tolist()) == ([True], [])


def test_bounds_are_the_window_and_a_little_more() -> None:
    assert batches.bounds(10_000_000, 3_600_000) == Bounds(6_400_000, 10_000_000 + batches.FUTURE_MS)
    assert [Bounds(1, 3).hold(at) for at in range(5)] == [False, True, True, True, False]
