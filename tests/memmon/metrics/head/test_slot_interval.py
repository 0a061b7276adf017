from __future__ import annotations

import numpy as np
import pytest

from memmon.metrics.head import slot_interval

NONE = np.zeros(0, np.int64)


def gaps(*actual: int) -> np.typing.NDArray[np.int64]:
    return np.array(actual, np.int64)


@pytest.mark.parametrize(
    ("gap", "slot"), [(1, 1000), (1000, 1000), (1999, 1000), (2000, 2000), (4999, 2000), (15_000, 10_000)]
)
def test_a_slot_is_no_longer_than_the_gap_between_samples(gap: int, slot: int) -> None:
    assert slot_interval.slot_for(gap) == slot


def test_once_is_chance_and_twice_is_not() -> None:
    assert slot_interval.shorter("twice", 10_000, NONE, gaps(5000), 3, 0) is None
    assert slot_interval.shorter("twice", 10_000, NONE, NONE, 3, 10_000) is None
    assert slot_interval.shorter("twice", 10_000, NONE, gaps(5000), 3, 20_000) == 5000


def test_what_was_long_ago_does_not_count() -> None:
    assert slot_interval.shorter("long", 10_000, NONE, gaps(5000), 3, 0) is None
    assert slot_interval.shorter("long", 10_000, NONE, gaps(5000), 3, slot_interval.STRIKES_LAST_MS) is None


def test_many_samples_of_a_slot_at_once_are_reason_enough() -> None:
    assert slot_interval.shorter("batch", 10_000, gaps(1000, 1000, 1000, 1000), NONE, 2, 0) == 1000


def test_there_are_no_slots_shorter_than_the_shortest() -> None:
    for at in range(5):
        assert slot_interval.shorter("shortest", 1000, NONE, gaps(100), 1, at) is None
